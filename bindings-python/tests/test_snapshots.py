"""Snapshots, forks, derived images and pools."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

import sandcell
from sandcell import ConfigError, Limits, Mount, Pool, Sandbox, Snapshot

KEY = bytes(range(32))


def test_a_fork_goes_on_by_itself(box: Sandbox) -> None:
    box.run("x = [1]")
    fork = box.fork()
    fork.run("x.append(2)")
    assert (box.run("x").result, fork.run("x").result) == ([1], [1, 2])


def test_a_snapshot_survives_bytes_files_and_pickling(box: Sandbox, tmp_path: Path) -> None:
    box.run("x = 41\nopen('/tmp/f', 'w').write('kept')")
    snapshot = box.snapshot()
    box.run("x = 0")
    snapshot.save(tmp_path / "s")
    snapshot.save(tmp_path / "sealed", key=KEY)
    for again in (
        snapshot,
        Snapshot.from_bytes(snapshot.to_bytes()),
        Snapshot.from_bytes(snapshot.to_bytes(KEY), image=box.image, key=KEY, limits=Limits(fuel=10**9)),
        Snapshot.load(tmp_path / "s"),
        Snapshot.load(tmp_path / "sealed", key=KEY),
        pickle.loads(pickle.dumps(snapshot)),
    ):
        with again.fork() as fork:
            assert fork.run("x + 1, open('/tmp/f').read()").result == [42, "kept"]


def test_damaged_and_forged_snapshots_are_refused(box: Sandbox) -> None:
    snapshot = box.snapshot()
    data = bytearray(snapshot.to_bytes())
    data[len(data) // 2] ^= 1
    for given, key, code in (
        (bytes(data), None, "snapshot_invalid"),
        (b"", None, "snapshot_invalid"),
        (snapshot.to_bytes(KEY), bytes(32), "snapshot_forged"),
        (snapshot.to_bytes(KEY), None, "snapshot_forged"),
    ):
        with pytest.raises(ConfigError) as raised:
            Snapshot.from_bytes(given, key=key)
        assert raised.value.code == code
    with pytest.raises(TypeError, match="`key`"):
        snapshot.to_bytes("secret")  # type: ignore[arg-type]


def test_many_forks_share_nothing_they_write(box: Sandbox) -> None:
    box.run("x = 1")
    forks = box.snapshot().fork_many(5)
    assert [fork.run(f"x += {number}; x").result for number, fork in enumerate(forks)] == [1, 2, 3, 4, 5]


def test_a_fork_can_have_another_policy_other_limits_and_its_own_randomness(box: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "a").write_text("1")
    box.run("import random; random.random()")
    snapshot = box.snapshot()
    fork = snapshot.fork(mounts=[Mount.host(tmp_path, "/data")], fuel=10**9)
    assert fork.limits.fuel == 10**9 and fork.run("open('/data/a').read()").result == "1"
    draw = "random.random()"
    same = [snapshot.fork().run(draw).result for _ in range(2)]
    assert same[0] == same[1] != snapshot.fork(reseed=True).run(draw).result
    with pytest.raises(TypeError, match=r"`fule`.*reseed"):
        snapshot.fork(fule=1)  # type: ignore[call-arg]


def test_a_derived_image_has_run_its_setup() -> None:
    told = []
    image = sandcell.images.derive(
        "python", setup="import json\nready = json.loads('[1]')", files={"/tmp/f": "text"}, progress=told.append
    )
    try:
        assert image.name.startswith("python-")
        assert image.name in [info.name for info in sandcell.images.list()]
        with Sandbox(image.name) as box:
            assert box.run("ready, open('/tmp/f').read()").result == [[1], "text"]
        again = sandcell.images.derive("python", setup="import json\nready = json.loads('[1]')", files={"/tmp/f": "text"})
        assert again.info == image.info
        assert all(progress.done <= progress.total for progress in told)
    finally:
        sandcell.images.remove(image.name)
    with pytest.raises(sandcell.HostError) as raised:
        Sandbox(image.name)
    assert raised.value.code == "image_missing"
    with pytest.raises(ConfigError, match="ZeroDivisionError") as failed:
        sandcell.images.derive("python", setup="1/0")
    assert failed.value.code == "image_setup_failed"


def test_a_progress_hook_that_raises_is_heard() -> None:
    def hook(_: sandcell.Progress) -> None:
        raise KeyError("hook")

    with pytest.raises(KeyError, match="hook"):
        sandcell.images.derive("python", "hooked", setup="x = 1", progress=hook)
    sandcell.images.remove("hooked")


def test_a_pool_hands_out_fresh_sandboxes_under_its_cap() -> None:
    with Pool("python", max_sandboxes=2, max_host_bytes="8GiB", fuel=10**9) as pool:
        first, second = pool.acquire(), pool.acquire()
        assert first.limits.fuel == 10**9
        first.run("x = 1")
        for within in (None, "20ms"):
            with pytest.raises(ConfigError) as raised:
                pool.acquire(within)
            assert raised.value.code == "pool_busy"
        first.close()
        third = pool.acquire("1s")
        assert third.run("'x' in globals()").result is False
        metrics = pool.metrics()
        assert (metrics.live, metrics.capacity, metrics.acquired) == (2, 2, 3)
        pool.tend()
        second.close()
    with pytest.raises(ConfigError, match="closed"):
        pool.acquire()
    assert third.run("2").result == 2
    with pytest.raises(TypeError, match=r"`max_sandboxs`.*max_sandboxes"):
        Pool("python", max_sandboxs=1)  # type: ignore[call-arg]
