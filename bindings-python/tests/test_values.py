"""Arguments: what is accepted, and that refusals name the key and the known ones."""

from __future__ import annotations

import pickle
from datetime import timedelta
from pathlib import Path

import pytest

import sandcell
from sandcell import ConfigError, ConfigTypeError, Limits, Mount, Policy


@pytest.mark.parametrize(
    ("given", "bytes_"),
    [
        (65536, 65536), ("65536", 65536), ("256MiB", 256 << 20), ("256 mib", 256 << 20), ("1GB", 10**9),
        ("1.5GiB", 3 << 29), ("64k", 65536), ("1_000_000", 1_000_000), ("0.5m", 1 << 19),
    ],
)  # fmt: skip
def test_sizes_are_numbers_or_text_with_a_unit(given: int | str, bytes_: int) -> None:
    assert Limits(memory_bytes=given).memory_bytes == bytes_


@pytest.mark.parametrize(
    ("given", "ms"),
    [(5, 5), ("5", 5), ("5s", 5000), ("250ms", 250), ("1.5s", 1500), ("2min", 120_000), ("1h", 3_600_000),
     (timedelta(seconds=2), 2000), (timedelta(microseconds=1), 1)],
)  # fmt: skip
def test_times_are_numbers_text_or_timedeltas(given: int | str | timedelta, ms: int) -> None:
    assert Limits(deadline_ms=given).deadline_ms == ms


@pytest.mark.parametrize("given", ["256XB", "", "MiB", "1.2.3", "-1", "1e3", "0.3k", "∞"])
def test_a_size_that_cannot_be_read_names_the_limit(given: str) -> None:
    with pytest.raises(ConfigError, match="memory_bytes") as raised:
        Limits(memory_bytes=given)
    assert raised.value.code == "document_invalid"


@pytest.mark.parametrize("given", [1.5, True, None, b"1", [], object()])
def test_a_value_of_another_type_is_a_type_error_that_names_the_limit(given: object) -> None:
    with pytest.raises(TypeError, match="`fuel`") as raised:
        Limits(fuel=given)  # type: ignore[arg-type]
    assert isinstance(raised.value, ConfigTypeError)


def test_a_value_outside_its_range_names_limit_and_range() -> None:
    for value in (0, 1 << 63):
        with pytest.raises(ConfigError, match=r"`fuel`.*1\.\.=") as raised:
            Limits(fuel=value)
        assert raised.value.code == "limit_range"
    for value in (-1, 1 << 64, "5kg"):
        with pytest.raises(ConfigError, match="`fuel`"):
            Limits(fuel=value)  # type: ignore[arg-type]


def test_an_unknown_limit_is_a_type_error_that_lists_the_known_ones() -> None:
    with pytest.raises(TypeError, match=r"`fule`.*memory_bytes.*snapshot_bytes") as raised:
        Limits(fule=1)  # type: ignore[call-arg]
    assert raised.value.code == "limit_unknown"
    with pytest.raises(TypeError, match=r"`memroy_bytes`.*mounts.*memory_bytes"):
        sandcell.Sandbox("python", memroy_bytes=1)  # type: ignore[call-arg]
    with pytest.raises(AttributeError, match=r"`fule`.*memory_bytes"):
        Limits().fule  # noqa: B018


def test_limits_come_from_cores_table() -> None:
    table = {row["name"]: row for row in Limits.table()}
    assert Limits().to_dict() == {name: row["default"] for name, row in table.items()}
    for name, row in table.items():
        assert row["doc"]
        assert Limits(**{name: row["minimum"]}).to_dict()[name] == row["minimum"]
    assert Limits().replace(fuel=5) == Limits(fuel=5) != Limits(fuel=6)
    assert repr(Limits(fuel=5)) == "Limits(fuel=5)"
    assert hash(Limits(fuel=5)) == hash(Limits(fuel=5))


def test_a_policy_grants_nothing_by_itself_and_has_a_json_form() -> None:
    assert Policy().to_dict()["mounts"] == []
    policy = Policy(
        mounts=[Mount.memory("/out", {"a": "text", "b": b"\xff"}), Mount.host(Path("/srv"), "/data")],
        env={"LANG": "C.UTF-8"}, clock="frozen", seed=7,
    )  # fmt: skip
    assert Policy.from_json(policy.to_json()) == policy == Policy.from_json(policy.to_dict())
    assert policy.to_dict()["clock"]["kind"] == "frozen"
    with pytest.raises(ConfigError, match="netwrok") as raised:
        Policy.from_json({"netwrok": []})
    assert raised.value.code == "document_invalid"


@pytest.mark.parametrize(
    ("arguments", "name"),
    [({"mounts": ["/data"]}, "mounts"), ({"mounts": 3}, "mounts"), ({"env": {"A": 1}}, "env"),
     ({"seed": "x"}, "seed"), ({"seed": True}, "seed"), ({"clock": 1.5}, "clock")],
)  # fmt: skip
def test_a_grant_of_another_type_is_a_type_error_that_names_it(arguments: dict, name: str) -> None:
    with pytest.raises(TypeError, match=f"`{name}`"):
        Policy(**arguments)
    with pytest.raises(TypeError, match=f"`{name}`"):
        sandcell.Sandbox("python", **arguments)


def test_a_mount_refuses_what_is_no_guest_path() -> None:
    for bad in ("data", "/a/../b", "/a\0b"):
        with pytest.raises(ConfigError) as raised:
            Mount.memory(bad)
        assert raised.value.code == "guest_path_invalid"
    with pytest.raises(ConfigError, match="`access`"):
        Mount.memory("/a", access="rx")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="`files`"):
        Mount.memory("/a", {"b": 1})  # type: ignore[dict-item]


@pytest.mark.parametrize(
    "value",
    [Limits(fuel=5), Policy(env={"A": "1"}), Mount.memory("/out", {"a": b"\0\xff"}), Mount.overlay("/srv", "/w")],
)
def test_values_survive_pickling(value: object) -> None:
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        again = pickle.loads(pickle.dumps(value, protocol))
        assert again == value
        assert type(again) is type(value)


def test_every_error_code_has_an_exception_with_its_class() -> None:
    for row in sandcell.error_codes():
        exception = getattr(sandcell, row["exception"])
        assert issubclass(exception, sandcell.LibraryError)
        assert row["hint"] and row["doc"]
    error = sandcell.ConfigError("m", "limit_range", 101, "h")
    again = pickle.loads(pickle.dumps(error))
    assert (again.code, again.number, again.hint, str(again)) == ("limit_range", 101, "h", str(error))
