"""Every parameter of the public functions is given nonsense, one at a time: it works where that is legal, and otherwise
the caller hears a ``TypeError``, a ``ValueError`` or an error of the library, which names the parameter."""

from __future__ import annotations

import asyncio
import inspect
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sandcell

Call = tuple[Callable[..., Any], dict[str, Any]]

# Exceptions have had notes since then, and what PyO3 refuses is named in one.
NAMES = sys.version_info >= (3, 11)
MODULE = '(module (memory (export "memory") 1) (func (export "_start")))'
DEEP: Any = 1
for _ in range(500):
    DEEP = [DEEP]
NONSENSE: dict[str, Any] = {
    "object": object(),
    "float": 1.5,
    "nan": float("nan"),
    "bytes": b"x",
    "list": [1],
    "objects": [object()],
    "dict": {"a": 1},
    "dict of objects": {"a": object()},
    "numbered dict": {1: 2},
    "none": None,
    "huge": 10**60,
    "-huge": -(10**60),
    "minus": -1,
    "minus text": "-1",
    "true": True,
    "surrogate": "\udc80",
    "surrogates": ["\udc80"],
    "named surrogate": {"\udc80": "\udc80"},
    "nul": "a\0b",
    "nuls": {"a\0b": "a\0b"},
    "empty": "",
    "long": "x" * 5_000,
    "set": {1},
    "type": int,
    "function": len,
    "exception": ValueError("x"),
    "deep": DEEP,
}


def double(n: int) -> int:
    return 2 * n


def calls(folder: Path) -> Iterator[tuple[str, Call]]:
    """What is called, and sensible arguments by name."""
    engine = sandcell.Engine(cache=folder / "cache")
    image = sandcell.Image.command(MODULE, engine=engine)
    box, python = sandcell.Sandbox(image), sandcell.Sandbox("python", deadline_ms=2_000)
    outcome, saved, pool = box.run(), python.snapshot(), sandcell.Pool(image, max_sandboxes=10_000)
    executor = sandcell.SandboxExecutor(max_workers=1, deadline_ms=2_000)
    limits, out = {"fuel": 1_000_000, "deadline_ms": 1_000, "memory_bytes": 1 << 20}, folder / "out"
    out.mkdir()
    yield from {
        "language_of": (sandcell.language_of, {"path": "x.py"}),
        "tool": (sandcell.tool, {"function": double}),
        "declaration": (sandcell.tool(double).declaration, {}),
        "ToolError": (sandcell.ToolError, {"message": "m"}),
        "Engine": (sandcell.Engine, {"cache": False}),
        "Limits": (sandcell.Limits, limits),
        "replace": (sandcell.Limits().replace, limits),
        "Policy": (sandcell.Policy, {}),
        "Policy.from_json": (sandcell.Policy.from_json, {"document": "{}"}),
        "Outcome.from_json": (sandcell.Outcome.from_json, {"document": outcome.to_dict()}),
        "Mount.host": (sandcell.Mount.host, {"host": folder, "guest": "/x"}),
        "Mount.overlay": (sandcell.Mount.overlay, {"host": folder, "guest": "/x"}),
        "Mount.memory": (sandcell.Mount.memory, {"guest": "/x"}),
        "Sandbox": (sandcell.Sandbox, {"image": image, **limits}),
        "Pool": (sandcell.Pool, {"image": image, "max_ready": 0}),
        "Workspace": (sandcell.Workspace, {}),
        "SandboxExecutor": (sandcell.SandboxExecutor, {"image": image}),
        "from_bytes": (sandcell.Snapshot.from_bytes, {"data": saved.to_bytes()}),
        "Snapshot.load": (sandcell.Snapshot.load, {"path": folder / "none"}),
        "submit": (executor.submit, {"work": "1"}),
        "map": (executor.map, {"fn": ["1"]}),
        "run": (box.run, {}),
        "run_async": (box.run_async, {}),
        "run_to_end": (box.run_to_end, {}),
        "follow": (box.follow, {}),
        "resume": (box.resume, {"run": outcome, "results": {}}),
        "resume_async": (box.resume_async, {"run": outcome, "results": {}}),
        "resume_following": (box.resume_following, {"run": outcome, "results": {}}),
        "python.run": (python.run, {"code": "1"}),
        "read": (python.files.read, {"path": "/tmp/x"}),
        "read_text": (python.files.read_text, {"path": "/tmp/x"}),
        "list": (python.files.list, {}),
        "write": (python.files.write, {"path": "/tmp/x", "content": "x"}),
        "copy": (python.files.copy, {"path": "/tmp", "to": out}),
        "export": (python.files.export, {"mount": "/tmp", "to": out}),
        "fork": (saved.fork, {}),
        "fork_many": (saved.fork_many, {"count": 1}),
        "to_bytes": (saved.to_bytes, {}),
        "save": (saved.save, {"path": folder / "s"}),
        "acquire": (pool.acquire, {}),
        "acquire_async": (pool.acquire_async, {}),
        "images.load": (sandcell.images.load, {"name": "none", "engine": engine}),
        "images.build": (sandcell.images.build, {"name": "lua", "source": folder / "none", "engine": engine}),
        "images.derive": (sandcell.images.derive, {"base": image}),
        "images.cc": (sandcell.images.cc, {"image": image, "code": "int main;"}),
        "images.command": (sandcell.images.command, {"module": MODULE, "engine": engine}),
        "images.list": (sandcell.images.list, {"engine": engine}),
        "images.remove": (sandcell.images.remove, {"name": "none", "engine": engine}),
        "images.verify": (sandcell.images.verify, {"name": "none", "engine": engine}),
        "images.export": (sandcell.images.export, {"name": "none", "path": folder / "a", "engine": engine}),
        "images.import_archive": (sandcell.images.import_archive, {"path": folder / "none", "sha256": "0" * 64, "engine": engine}),
    }.items()  # fmt: skip
    executor.shutdown()
    pool.close()


async def called(function: Callable[..., Any], given: dict[str, Any]) -> None:
    """With positional-only arguments where they are; what comes back is awaited, and closed where it can be."""
    first = []
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind is parameter.POSITIONAL_ONLY and parameter.name in given:
            first.append(given.pop(parameter.name))
    made = function(*first, **given)
    if inspect.isawaitable(made):
        made = await made
    for name in ("close", "shutdown"):
        if callable(end := getattr(made, name, None)) and not isinstance(made, sandcell.Snapshot):
            end()


def parameters(function: Callable[..., Any], sensible: dict[str, Any]) -> list[str]:
    variable = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    named = [one.name for one in inspect.signature(function).parameters.values() if one.kind not in variable]
    return list(dict.fromkeys([*named, *sensible]))


def heard(error: BaseException) -> str:
    """Its text, with the note that says which argument was being read."""
    return "\n".join([str(error), *getattr(error, "__notes__", ())])


def test_nonsense_is_an_error_that_names_the_argument(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Some of it is a good name of a file.
    monkeypatch.chdir(tmp_path)
    faults, tried, refused = [], 0, 0
    for name, (function, sensible) in calls(tmp_path):
        for parameter in parameters(function, sensible):
            for kind, value in NONSENSE.items():
                tried += 1
                try:
                    asyncio.run(called(function, {**sensible, parameter: value}))
                except (TypeError, ValueError, sandcell.SandcellError) as error:
                    refused += 1
                    # A value may have keys of its own, which are what is wrong then.
                    names = (f"`{parameter}", f"'{parameter}'", "files[", "work", "`tools`", "tool `", "there is no limit `")
                    if NAMES and isinstance(error, TypeError) and not any(one in heard(error) for one in names):
                        faults.append(f"{name}({parameter}={kind}): {type(error).__name__}: {heard(error)}")
                except BaseException as error:  # noqa: BLE001
                    faults.append(f"{name}({parameter}={kind}): {type(error).__name__}: {heard(error)}")
    assert not faults, "\n".join(faults)
    assert refused > 3_000 and tried > refused + 300


@pytest.mark.parametrize("call", [lambda: sandcell.Sandbox(memroy_bytes=1), lambda: sandcell.Limits(fuell=1)])
def test_an_unknown_name_is_an_error_that_names_the_known_ones(call: Callable[[], object]) -> None:
    with pytest.raises(TypeError, match=r"memory_bytes.*") as raised:
        call()
    assert "fuel" in str(raised.value)
