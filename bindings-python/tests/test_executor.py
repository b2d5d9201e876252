"""Programs and functions on the face of an executor."""

from __future__ import annotations

import concurrent.futures

import pytest

import sandcell
from sandcell import SandboxExecutor


def add(a: int, b: int = 1) -> dict[str, int]:
    import math

    return {"sum": a + b, "floor": math.floor(2.5)}


def test_programs_and_functions_run_in_fresh_sandboxes() -> None:
    told: list[tuple[int, int]] = []
    with SandboxExecutor(max_workers=2, progress=lambda *now: told.append(now)) as executor:
        assert executor.submit("x = 1; x").result().result == 1
        assert executor.submit("'x' in globals()").result().result is False
        assert executor.submit(add, 2, b=3).result() == {"sum": 5, "floor": 2}
        assert list(executor.map(add, [1, 2], [3, 4])) == [{"sum": 4, "floor": 2}, {"sum": 6, "floor": 2}]
        assert [out.result for out in executor.map([f"{n} * 2" for n in range(10)])] == [n * 2 for n in range(10)]
    assert told[-1] == (15, 15)


def test_a_function_that_raises_is_a_failure_of_the_run() -> None:
    with SandboxExecutor(max_workers=1) as executor, pytest.raises(sandcell.ScriptRaised, match="TypeError"):
        executor.submit(add, "x").result()


def test_what_cannot_be_sent_is_refused_by_name() -> None:
    with SandboxExecutor(max_workers=1) as executor:
        for work, arguments, name in (
            (len, (), "builtin_function_or_method"),
            (lambda: 1, (), "lambda"),
            (add, (object(),), "JSON"),
            ("1", (2,), "arguments"),
        ):
            with pytest.raises(TypeError, match=name):
                executor.submit(work, *arguments)
        with pytest.raises(TypeError, match="timeout"):
            executor.map(["1"], timeout="1s")  # type: ignore[arg-type]
    for wrong in (0, -1, 1.5, "2", True):
        with pytest.raises(TypeError, match="max_workers"):
            SandboxExecutor(max_workers=wrong)  # type: ignore[arg-type]


def test_results_that_nobody_waits_for_are_never_made() -> None:
    with SandboxExecutor(max_workers=1, deadline_ms=300) as executor:
        outcomes = executor.map(["1", *["while True: pass"] * 1_000])
        assert next(outcomes).result == 1
        outcomes.close()  # type: ignore[attr-defined]
        with pytest.raises(concurrent.futures.TimeoutError):
            list(executor.map(["while True: pass"] * 1_000, timeout=0.1))
