"""The JSON cases that every language runs: this language's runner.

``tests/conformance/README.md`` describes them. Unknown fields are refused.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import sandcell

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "tests" / "conformance"
FIELDS = {"name", "image", "code", "before", "named", "args", "stdin", "limits", "policy", "folder", "expect"}
EXPECTATIONS = {
    "status", "raised", "result", "artifacts", "error", "error_contains", "stdout", "stdout_contains",
    "stdout_truncated", "stderr", "stderr_contains", "output_lacks", "peak_memory_bytes_at_most", "output_bytes",
    "fuel_at_most", "denials", "files", "file_contents", "folder", "hint_contains",
}  # fmt: skip


def read_all() -> list[dict[str, Any]]:
    """Every case of every file."""
    cases: list[dict[str, Any]] = []
    for path in sorted(FOLDER.glob("*.json")):
        document = json.loads(path.read_text())
        cases.extend(document if isinstance(document, list) else [document])
    for case in cases:
        check_shape(case)
    return cases


def check_shape(case: dict[str, Any]) -> None:
    """Refuses what no runner would look at."""
    unknown = (set(case) - FIELDS) | (set(case["expect"]) - EXPECTATIONS)
    if unknown:
        raise ValueError(f"{case['name']}: unknown fields {sorted(unknown)}")
    if len({"status", "raised", "error"} & set(case["expect"])) != 1:
        raise ValueError(f"{case['name']}: it must expect either a status or an error")


def run(case: dict[str, Any], folder: Path, uncached: sandcell.Engine) -> list[str]:
    """Runs a case and lists everything that is not as expected."""
    expect = case["expect"]
    for name, entry in case.get("folder", {}).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(entry, str):
            path.write_text(entry)
        else:
            path.symlink_to(entry["link"])
    findings: list[str] = []
    try:
        box, outcome = _outcome(case, folder, uncached)
    except sandcell.LibraryError as error:
        if error.code != expect.get("error"):
            findings.append(f"expected {expect}, it failed with {error!r}")
        findings += [f"{part!r} is not in {error}" for part in expect.get("error_contains", []) if part not in str(error)]
    else:
        with box:
            findings += check(expect, outcome)
            for path, text in expect.get("file_contents", {}).items():
                try:
                    _compare(findings, path, text, box.files.read_text(path))
                except sandcell.LibraryError as error:
                    findings.append(str(error))
    if "folder" in expect:
        found = {
            str(path.relative_to(folder)): path.read_text()
            for path in sorted(folder.rglob("*"))
            if path.is_file() and not path.is_symlink()
        }
        _compare(findings, "folder", expect["folder"], found)
    return findings


def _outcome(case: dict[str, Any], folder: Path, uncached: sandcell.Engine) -> tuple[sandcell.Sandbox, sandcell.Outcome]:
    policy = sandcell.Policy.from_json(json.dumps(case.get("policy") or {}).replace("$FOLDER", str(folder)))
    limits = sandcell.Limits(**case.get("limits", {}))
    image = _image(case["image"], limits, uncached)
    box = sandcell.Sandbox(image, policy=policy, limits=limits)
    for code in case.get("before", []):
        box.run(code)
    outcome = box.run_to_end(
        case.get("code"), name=case.get("named"), args=case.get("args", []), stdin=case.get("stdin", "")
    )
    return box, outcome


def _image(name: str, limits: sandcell.Limits, uncached: sandcell.Engine) -> sandcell.Image:
    if not name.startswith("wasm:"):
        return sandcell.Image.load(name)
    guest = name.removeprefix("wasm:")
    module = (ROOT / "guests" / "wat" / f"{guest}.wat").read_bytes()
    return sandcell.Image.command(module, name=guest, limits=limits, engine=uncached)


def check(expect: dict[str, Any], outcome: sandcell.Outcome) -> list[str]:
    """Compares an outcome with what is expected of it."""
    findings: list[str] = []
    form = outcome.to_dict()
    if "error" in expect:
        findings.append(f"expected the error {expect['error']}, it ended as {form['status']}")
    if "status" in expect:
        _compare(findings, "status", expect["status"], outcome.status.to_dict())
    if "raised" in expect:
        _compare(findings, "raised", expect["raised"], outcome.status.type)
    if "result" in expect:
        _compare(findings, "result", expect["result"], outcome.result)
    if "artifacts" in expect:
        _compare(findings, "artifacts", expect["artifacts"], [artifact.mime for artifact in outcome.artifacts])
    if "stdout_truncated" in expect:
        _compare(findings, "stdout_truncated", expect["stdout_truncated"], outcome.stdout_truncated)
    if "output_bytes" in expect:
        _compare(findings, "output_bytes", expect["output_bytes"], outcome.usage.output_bytes)
    if "denials" in expect:
        _compare(findings, "denials", expect["denials"], form["denials"])
    if "files" in expect:
        _compare(findings, "files", {"truncated": False, **expect["files"]}, form["files"])
    streams = {"stdout": outcome.text, "stderr": outcome.stderr_text, "hint": outcome.hint}
    for name, text in streams.items():
        if name in expect:
            _compare(findings, name, expect[name], text)
        findings += [f"{part!r} is not in {name}: {text!r}" for part in expect.get(f"{name}_contains", []) if part not in text]
    for part in expect.get("output_lacks", []):
        if part in outcome.text or part in outcome.stderr_text:
            findings.append(f"the output contains {part!r}")
    for name, found in {"peak_memory_bytes": outcome.usage.peak_memory_bytes, "fuel": outcome.usage.fuel}.items():
        allowed = expect.get(f"{name}_at_most")
        if allowed is not None and found > allowed:
            findings.append(f"{name}: {found}, at most {allowed} are allowed")
    if findings:
        findings.append(f"stdout: {outcome.text}\nstderr: {outcome.stderr_text}")
    return findings


def _compare(findings: list[str], what: str, expected: Any, found: Any) -> None:
    if expected != found:
        findings.append(f"{what}: expected {expected!r}, found {found!r}")
