"""The JSON cases that every language runs: this language's runner.

``tests/conformance/README.md`` describes them. Unknown fields are refused.
"""

from __future__ import annotations

import contextlib
import json
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import case_tools

import sandcell

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "tests" / "conformance"
FIELDS = {
    "name", "image", "code", "before", "named", "args", "stdin", "limits", "policy", "folder", "expect",
    "tools", "gate", "cancel_after_ms", "resume", "project", "entry", "flags", "steps", "imported", "saved",
    "after_ms", "bites",
}  # fmt: skip
STEP_FIELDS = {"results", "expect", "token", "after_ms"}
EXPECTATIONS = {
    "status", "raised", "result", "result_truncated", "artifacts", "error", "error_contains", "stdout", "stdout_contains",
    "stdout_truncated", "stderr", "stderr_contains", "output_lacks", "peak_memory_bytes_at_most", "output_bytes",
    "fuel_at_most", "denials", "files", "file_contents", "folder", "hint_contains", "suspended", "tool_calls",
    "details_contain", "events", "diagnostics",
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
    _known(case, case, FIELDS)
    _check_expect(case, case["expect"])
    if (limit := case.get("bites")) is not None and limit not in case.get("limits", {}):
        raise ValueError(f"{case['name']}: it cannot show that `{limit}` bites, which it does not set")
    for step in case.get("resume", []):
        _known(case, step, STEP_FIELDS)
        _check_expect(case, step["expect"])
    for each in case.get("tools", []):
        _known(case, each, case_tools.FIELDS)


def _known(case: dict[str, Any], given: dict[str, Any], fields: set[str]) -> None:
    if unknown := set(given) - fields:
        raise ValueError(f"{case['name']}: unknown fields {sorted(unknown)}")


def _check_expect(case: dict[str, Any], expect: dict[str, Any]) -> None:
    _known(case, expect, EXPECTATIONS)
    if len({"status", "raised", "suspended", "error"} & set(expect)) != 1:
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
    try:
        box = _sandbox(case, folder, uncached)
    except sandcell.LibraryError as error:
        findings = check_error(expect, error)
    else:
        with box:
            findings = _play(case, box)
    if "folder" in expect:
        found = {
            str(path.relative_to(folder)): path.read_text()
            for path in sorted(folder.rglob("*"))
            if path.is_file() and not path.is_symlink()
        }
        _compare(findings, "folder", expect["folder"], found)
    return findings


def run_without_its_limit(case: dict[str, Any], folder: Path, uncached: sandcell.Engine) -> list[str]:
    """Runs a case that shows a limit to bite without that limit: something must not be as expected then."""
    limits = {name: value for name, value in case["limits"].items() if name != case["bites"]}
    # What only the limit would have ended ends by being cancelled.
    return run({"cancel_after_ms": 1500, **case, "limits": limits}, folder, uncached)


def _sandbox(case: dict[str, Any], folder: Path, uncached: sandcell.Engine) -> sandcell.Sandbox:
    policy = sandcell.Policy.from_json(json.dumps(case.get("policy") or {}).replace("$FOLDER", str(folder)))
    limits = sandcell.Limits(**case.get("limits", {}))
    image = _imported(case["image"], limits) if case.get("imported") else _image(case["image"], limits, uncached)
    tools = [case_tools.tool_of(each) for each in case.get("tools", [])]
    gate = case_tools.gate_of(case["gate"]) if case.get("gate") else None
    if "steps" in case:
        workspace, members = _after_steps(case, policy, limits, uncached)
        return members.get(case["image"]) or workspace.sandbox(image, tools=tools, gate=gate)
    box = sandcell.Sandbox(image, policy=policy, limits=limits, tools=tools, gate=gate)
    try:
        for code in case.get("before", []):
            box.run(code)
        if case.get("saved"):
            with box:
                data = box.snapshot().to_bytes()
            snapshot = sandcell.Snapshot.from_bytes(data, image=image, limits=limits)
            box = snapshot.fork(policy=policy, tools=tools, gate=gate)
    except BaseException:
        box.close()
        raise
    return box


def _after_steps(
    case: dict[str, Any], policy: sandcell.Policy, limits: sandcell.Limits, uncached: sandcell.Engine
) -> tuple[sandcell.Workspace, dict[str, sandcell.Sandbox]]:
    """The workspace of a case with steps, and the sandboxes that took them, by their images."""
    workspace = sandcell.Workspace(policy=policy, limits=limits)
    members: dict[str, sandcell.Sandbox] = {}
    for step in case["steps"]:
        name = step["image"]
        members[name] = members.get(name) or workspace.sandbox(_image(name, limits, uncached))
        members[name].run(step.get("code"), args=step.get("args", [])).check()
    return workspace, members


def _play(case: dict[str, Any], box: sandcell.Sandbox) -> list[str]:
    """Runs the program, and then what it is resumed with, step by step."""
    program = {"name": case.get("named"), "args": case.get("args", []), "stdin": case.get("stdin", "")}
    program |= {"files": case.get("project"), "entry": case.get("entry"), "flags": case.get("flags", [])}
    follows = "events" in case["expect"]
    begin = box.follow_to_end if follows else box.run_to_end
    time.sleep(case.get("after_ms", 0) / 1000)
    with _cancelling(box, case.get("cancel_after_ms")):
        findings, waiting = _judge(case["expect"], box, lambda: begin(case.get("code"), **program), None)
    for number, step in enumerate(case.get("resume", [])):
        time.sleep(step.get("after_ms", 0) / 1000)
        calls, token = waiting or ([], "")
        if len(step["results"]) > len(calls):
            return [*findings, f"resume {number}: {len(step['results'])} results for {len(calls)} calls"]
        results = {
            call.id: case_tools.result_of(given)
            for call, given in zip(calls, step["results"], strict=False)
            if given is not None
        }
        resume = box.resume_following if follows else box.resume
        found, waiting = _judge(step["expect"], box, lambda: resume(step.get("token", token), results), waiting)
        findings += [f"resume {number}: {finding}" for finding in found]
    return findings


def _judge(expect: dict[str, Any], box: sandcell.Sandbox, do: Any, waiting: Any) -> tuple[list[str], Any]:
    words: list[str] | None = None
    try:
        outcome = do()
        if isinstance(outcome, sandcell.Events):
            words, outcome = _words(outcome)
    except sandcell.LibraryError as error:
        return check_error(expect, error), waiting
    findings = check(expect, outcome)
    if "events" in expect:
        _compare(findings, "events", expect["events"], words)
    for path, text in expect.get("file_contents", {}).items():
        try:
            _compare(findings, path, text, box.files.read_text(path))
        except sandcell.LibraryError as error:
            findings.append(str(error))
    if outcome.status.kind == "suspended":
        waiting = (outcome.status.calls, outcome.status.token)
    return findings, waiting


def _words(events: sandcell.Events) -> tuple[list[str], sandcell.Outcome]:
    """What is told of a run; output of one stream without anything between is one word."""
    words: list[tuple[str, bytes]] = []
    for event in events:
        if isinstance(event, sandcell.Ended):
            said = [head + text.decode("utf-8", "replace") for head, text in words]
            return [*said, f"ended: {event.outcome.status.kind}"], event.outcome
        if isinstance(event, sandcell.Output):
            head = f"{event.stream}: "
            if words and words[-1][0] == head:
                words[-1] = (head, words[-1][1] + event.bytes)
            else:
                words.append((head, event.bytes))
        else:
            words.append((_word(event), b""))
    raise AssertionError("a run was told without its end")


def _word(event: sandcell.Event) -> str:
    if isinstance(event, sandcell.OutputCut):
        return f"cut: {event.stream}"
    if isinstance(event, sandcell.ToolCalled):
        return f"call: {event.id} {event.tool}"
    if isinstance(event, sandcell.ToolEnded):
        return f"result: {event.id} {event.outcome}"
    if isinstance(event, sandcell.FileChanged):
        return f"{event.change}: {event.path}"
    assert isinstance(event, sandcell.ArtifactMade)
    return f"artifact: {event.artifact.mime}"


@contextlib.contextmanager
def _cancelling(box: sandcell.Sandbox, after_ms: int | None) -> Iterator[None]:
    over = threading.Event()

    def cancel() -> None:
        over.wait((after_ms or 0) / 1000)
        while not over.is_set() and not box.cancel():
            time.sleep(0.001)

    thread = threading.Thread(target=cancel)
    if after_ms is not None:
        thread.start()
    try:
        yield
    finally:
        over.set()
        if after_ms is not None:
            thread.join()


def _image(name: str, limits: sandcell.Limits, uncached: sandcell.Engine) -> sandcell.Image:
    if not name.startswith("wasm:"):
        return sandcell.Image.load(name)
    guest = name.removeprefix("wasm:")
    module = (ROOT / "guests" / "wat" / f"{guest}.wat").read_bytes()
    return sandcell.Image.command(module, name=guest, limits=limits, engine=uncached)


def _finding(found: dict[str, Any]) -> str:
    """``error: main.c:1:2: what``, without what is not known."""
    place = ":".join(str(found[part]) for part in ("file", "line", "column") if part in found)
    return ": ".join(word for word in (found["severity"], place, found["message"]) if word)


def _imported(name: str, limits: sandcell.Limits) -> sandcell.Image:
    """The image, out of an archive of it, in a cache of its own."""
    with tempfile.TemporaryDirectory() as place:
        archive = Path(place) / "archive"
        digest = sandcell.Image.export(name, archive)
        engine = sandcell.Engine(cache=Path(place) / "cache")
        return sandcell.Image.import_archive(archive, sha256=digest, limits=limits, engine=engine)


def check_error(expect: dict[str, Any], error: sandcell.LibraryError) -> list[str]:
    """Compares an error of the library with what is expected."""
    findings = [f"{part!r} is not in {error}" for part in expect.get("error_contains", []) if part not in str(error)]
    if error.code != expect.get("error"):
        findings.append(f"expected {expect}, it failed with {error!r}")
    return findings


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
    if "suspended" in expect:
        waits = [{"tool": call.tool, "arguments": call.arguments} for call in outcome.status.calls or []]
        _compare(findings, "suspended", expect["suspended"], waits)
    if "tool_calls" in expect:
        _compare(findings, "tool_calls", expect["tool_calls"], outcome.tool_calls.counts)
    details = [call.detail or "" for call in outcome.tool_calls.calls]
    for part in expect.get("details_contain", []):
        if not any(part in detail for detail in details):
            findings.append(f"{part!r} is not in the details {details}")
    if "result" in expect:
        _compare(findings, "result", expect["result"], outcome.result)
    if "artifacts" in expect:
        _compare(findings, "artifacts", expect["artifacts"], [artifact.mime for artifact in outcome.artifacts])
    if "result_truncated" in expect:
        _compare(findings, "result_truncated", expect["result_truncated"], outcome.result_truncated)
    if "stdout_truncated" in expect:
        _compare(findings, "stdout_truncated", expect["stdout_truncated"], outcome.stdout_truncated)
    if "output_bytes" in expect:
        _compare(findings, "output_bytes", expect["output_bytes"], outcome.usage.output_bytes)
    if "diagnostics" in expect:
        _compare(findings, "diagnostics", expect["diagnostics"], [_finding(each) for each in form.get("diagnostics", [])])
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
