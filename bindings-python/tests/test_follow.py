"""Runs that are followed, from threads and from event loops."""

from __future__ import annotations

import asyncio
import time

import pytest

import sandcell
from sandcell import ArtifactMade, ConfigError, Ended, FileChanged, Output, Sandbox, ToolCalled, ToolEnded

PROGRAM = "print('a'); price('x'); open('/tmp/f', 'w').close(); print('b'); 7"


def price(symbol: str) -> float:
    return 1.25


def check(events: list[sandcell.Event]) -> None:
    assert "".join(event.text for event in events if isinstance(event, Output)) == "a\nb\n"
    [called] = [event for event in events if isinstance(event, ToolCalled)]
    [ended] = [event for event in events if isinstance(event, ToolEnded)]
    assert (called.tool, called.arguments, ended.outcome) == ("price", {"symbol": "x"}, "ok")
    assert FileChanged("written", "/tmp/f") in events
    last = events[-1]
    assert isinstance(last, Ended) and last.outcome.result == 7 and last.outcome.text == "a\nb\n"


def test_a_thread_follows_a_run() -> None:
    with Sandbox("python", tools=[price]) as box:
        events = box.follow(PROGRAM)
        with pytest.raises(ConfigError) as raised:
            box.run("1")
        assert raised.value.code == "sandbox_unusable"
        check(list(events))
        assert list(events) == []
        assert box.run("1").result == 1


def test_an_event_loop_follows_a_run() -> None:
    async def main() -> None:
        async with Sandbox("python", tools=[price]) as box:
            check([event async for event in box.follow(PROGRAM)])
            assert (await box.run_async("1")).result == 1

    asyncio.run(main())


def test_leaving_early_ends_the_run() -> None:
    with Sandbox("python") as box:
        with box.follow("print('a', flush=True)\nwhile True: pass") as events:
            assert next(events) == Output("stdout", b"a\n")
        with pytest.raises(ConfigError) as raised:
            box.run("1")
        assert raised.value.code == "session_ended"

    async def main() -> None:
        box = Sandbox("python", deadline_ms=60_000)
        async for event in box.follow("print('a', flush=True)\nwhile True: pass"):
            assert isinstance(event, Output)
            break

    asyncio.run(main())


def test_leaving_ends_a_guest_that_computes_towards_its_next_event() -> None:
    async def main() -> None:
        box = Sandbox("python", deadline_ms=60_000)
        events = box.follow("while True: pass")
        waiting = asyncio.ensure_future(events.__anext__())
        await asyncio.sleep(0.1)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        events.close()
        began = time.monotonic()
        while time.monotonic() - began < 20:
            try:
                await box.run_async("1")
            except ConfigError as error:
                if error.code == "session_ended":
                    return
            await asyncio.sleep(0.01)
        raise AssertionError("the guest goes on")

    asyncio.run(main())


def test_figures_are_told_of_and_errors_raised() -> None:
    with Sandbox("python") as box:
        events = list(box.follow("import matplotlib.pyplot as p; p.plot([1, 2]); p.show()"))
        assert [event.artifact.mime for event in events if isinstance(event, ArtifactMade)] == ["image/png"]
    closed = Sandbox("python", fuel=100_000_000)
    assert list(closed.follow("while True: pass"))[-1].outcome.status.limit == "fuel"  # type: ignore[union-attr]
    with pytest.raises(ConfigError) as raised:
        list(closed.follow("1"))
    assert raised.value.code == "session_ended"
