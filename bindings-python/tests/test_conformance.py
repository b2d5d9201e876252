"""Every case of tests/conformance holds through Python, and the checks can fail."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import cases
import pytest

import sandcell

SKIPS: dict[str, str] = json.loads((Path(__file__).parent / "skips.json").read_text())
CASES = cases.read_all()


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_the_case_holds(case: dict[str, Any], tmp_path: Path, uncached: sandcell.Engine, ran: list[str]) -> None:
    findings = cases.run(case, tmp_path, uncached)
    reason = SKIPS.get(case["name"])
    if reason is None:
        assert not findings, "\n".join(findings)
        ran.append(f"ran {case['name']}")
    elif findings:
        ran.append(f"skipped {case['name']}")
        pytest.skip(reason)
    else:
        pytest.fail(f"{case['name']} passes: take it off skips.json")


BITING = [case for case in CASES if "bites" in case]


@pytest.mark.parametrize("case", BITING, ids=[case["name"] for case in BITING])
def test_the_limit_is_what_bites(case: dict[str, Any], tmp_path: Path, uncached: sandcell.Engine) -> None:
    assert cases.run_without_its_limit(case, tmp_path, uncached), f"nothing changes without `{case['bites']}`"


def test_every_limit_is_shown_to_bite() -> None:
    shown = {case["bites"] for case in BITING if case["name"] not in SKIPS}
    assert shown == set(sandcell.Limits().to_dict())


def test_every_skip_names_a_case_and_a_reason() -> None:
    assert set(SKIPS) <= {case["name"] for case in CASES}
    assert all(SKIPS.values())


HOLDS: dict[str, Any] = {
    "name": "n", "image": "wasm:calls",
    "args": ["'out 1 open fd 'text write 'gone 0 open 'ro/a 9 open trap"],
    "policy": {"mounts": [
        {"kind": "memory", "guest": "/"},
        {"kind": "host", "host": "$FOLDER", "guest": "/ro"}]},
    "folder": {"a": "1"},
    "expect": {
        "status": {"kind": "trapped", "reason": "unreachable"},
        "stdout": "open 0\nwrite 0 4\nopen 44\nopen 69\n", "stdout_contains": ["open 44"],
        "stdout_truncated": False, "stderr": "", "output_bytes": 33, "output_lacks": ["secret"],
        "denials": [{"what": "path", "name": "/ro/a", "operation": "path_open"}],
        "diagnostics": [],
        "files": {"added": ["/out"], "changed": [], "removed": []}, "file_contents": {"/out": "text"},
        "folder": {"a": "1"}, "hint_contains": ["aborted itself"],
        "peak_memory_bytes_at_most": 262144, "fuel_at_most": 1000000}}  # fmt: skip


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("status", {"kind": "trapped", "reason": "stack_overflow"}),
        ("stdout", "open 0\n"),
        ("stdout_contains", ["open 45"]),
        ("stdout_truncated", True),
        ("stderr", "x"),
        ("stderr_contains", ["x"]),
        ("output_bytes", 34),
        ("output_lacks", ["open"]),
        ("denials", []),
        ("diagnostics", ["error: main.c:1:2: x"]),
        ("files", {"added": [], "changed": ["/out"], "removed": []}),
        ("file_contents", {"/out": "txt"}),
        ("file_contents", {"/other": "text"}),
        ("folder", {"a": "2"}),
        ("folder", {}),
        ("hint_contains", ["recursed"]),
        ("peak_memory_bytes_at_most", 262_143),
        ("fuel_at_most", 10),
        ("result", 1),
        ("result_truncated", True),
        ("artifacts", ["image/png"]),
    ],
)
def test_a_wrong_expectation_is_noticed(field: str, wrong: Any, tmp_path: Path, uncached: sandcell.Engine) -> None:
    (tmp_path / "right").mkdir()
    assert cases.run(HOLDS, tmp_path / "right", uncached) == []
    case = copy.deepcopy(HOLDS)
    case["expect"][field] = wrong
    (tmp_path / "wrong").mkdir()
    assert cases.run(case, tmp_path / "wrong", uncached)


def test_a_case_with_an_unknown_field_is_refused() -> None:
    case = {"name": "n", "image": "wasm:calls", "expect": {"status": {"kind": "exited", "code": 0}}}
    cases.check_shape(case)
    for wrong in ({**case, "stdot": 1}, {**case, "expect": {"stdot": 1}}, {**case, "expect": {}}):
        with pytest.raises(ValueError, match="stdot|either"):
            cases.check_shape(wrong)
