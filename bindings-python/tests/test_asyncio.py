"""The asynchronous twins."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from typing import Any

import pytest

import sandcell
from sandcell import ConfigError, Pool, Sandbox


def test_many_runs_share_one_loop() -> None:
    async def one(number: int) -> int:
        async with Sandbox("python") as box:
            out = await box.run_async(f"import time; time.sleep(0.1); {number}")
            return out.result

    async def main() -> list[int]:
        return await asyncio.gather(*(one(number) for number in range(50)))

    assert asyncio.run(main()) == list(range(50))


def test_the_loop_goes_on_while_guests_compute(forever: sandcell.Image) -> None:
    async def main() -> tuple[list[str | None], int]:
        boxes = [Sandbox(forever, deadline_ms=300) for _ in range(4)]
        runs = [asyncio.ensure_future(box.run_async()) for box in boxes]
        ticks = 0
        while not all(run.done() for run in runs):
            await asyncio.sleep(0.005)
            ticks += 1
        return [run.result().status.limit for run in runs], ticks

    limits, ticks = asyncio.run(main())
    assert limits == ["deadline_ms"] * 4 and ticks > 5


def test_cancelling_the_task_ends_the_guest_and_the_session_plainly() -> None:
    async def main() -> None:
        box = Sandbox("python", deadline_ms=60_000)
        task = asyncio.ensure_future(box.run_async("while True: pass"))
        await asyncio.sleep(0.1)
        began = time.monotonic()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert time.monotonic() - began < 20
        with pytest.raises(ConfigError) as raised:
            await box.run_async("1")
        assert raised.value.code == "session_ended"

    asyncio.run(main())


def test_a_timeout_of_asyncio_ends_a_guest_that_sleeps() -> None:
    async def main() -> None:
        async with Sandbox("python", deadline_ms=60_000) as box:
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(box.run_async("import time; time.sleep(60)"), 0.1)
            assert not box.cancel()

    asyncio.run(main())


def test_a_run_that_is_never_awaited_gives_its_sandbox_back() -> None:
    async def main() -> None:
        box = Sandbox("python")
        run = box.run_async("1")
        with pytest.raises(ConfigError) as raised:
            box.run("2")
        assert raised.value.code == "sandbox_unusable"
        run.close()
        del run
        assert box.run("2").result == 2

    asyncio.run(main())


def test_errors_of_the_library_reach_the_awaiting_task() -> None:
    async def main() -> None:
        with pytest.raises(TypeError, match="`code`"):
            await Sandbox("python").run_async(3)  # type: ignore[arg-type]
        box = Sandbox("python", fuel=100_000_000)
        assert (await box.run_async("while True: pass")).status.kind == "exceeded"
        with pytest.raises(ConfigError):
            await box.run_async("1")

    asyncio.run(main())


def test_waiting_for_a_pool_can_be_cancelled_and_goes_in_order() -> None:
    async def main() -> None:
        with Pool("python", max_sandboxes=1) as pool:
            held = await pool.acquire_async()
            waiting = asyncio.ensure_future(pool.acquire_async("60s"))
            await asyncio.sleep(0.05)
            assert pool.metrics().waiting == 1
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            assert pool.metrics().waiting == 0
            with pytest.raises(ConfigError) as raised:
                await pool.acquire_async("20ms")
            assert raised.value.code == "pool_busy"
            next_one = asyncio.ensure_future(pool.acquire_async("60s"))
            await asyncio.sleep(0.02)
            held.close()
            assert (await (await next_one).run_async("1")).result == 1

    asyncio.run(main())


async def cancelled(work: Coroutine[Any, Any, Any]) -> None:
    """Cancels it while a guest runs."""
    task = asyncio.ensure_future(work)
    await asyncio.sleep(0.1)
    assert not task.done()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def ended(box: Sandbox) -> None:
    """Its guest runs no more, and its session says plainly that it has ended."""
    assert not box.cancel()
    for _ in range(2):
        with pytest.raises(ConfigError) as raised:
            await box.run_async("1")
        assert raised.value.code == "session_ended"
    box.files.write("/tmp/after", "still here")
    assert box.files.read("/tmp/after") == b"still here"


def test_cancelling_a_resumed_run_ends_its_session() -> None:
    async def main() -> None:
        wait = sandcell.tool(lambda: None, name="wait", suspending=True)
        async with Sandbox("python", tools=[wait], deadline_ms=60_000) as box:
            out = await box.run_async("wait()\nwhile True: pass")
            assert out.status.calls is not None
            await cancelled(box.resume_async(out, {out.status.calls[0].id: 1}))
            await ended(box)

    asyncio.run(main())


def test_cancelling_whoever_follows_ends_the_run() -> None:
    async def main() -> None:
        async with Sandbox("python", deadline_ms=60_000) as box:
            told: list[sandcell.Event] = []

            async def follow() -> None:
                with box.follow("print('a', flush=True)\nwhile True: pass") as events:
                    async for event in events:
                        told.append(event)

            await cancelled(follow())
            assert told == [sandcell.Output("stdout", b"a\n")]
            # The guest ends by itself meanwhile: leaving the events waits for nothing.
            while True:
                try:
                    await box.run_async("1")
                except ConfigError as error:
                    if error.code == "session_ended":
                        break
                    assert error.code == "sandbox_unusable"
                await asyncio.sleep(0.01)
            await ended(box)

    asyncio.run(main())


def test_cancelling_one_step_of_a_followed_run_loses_no_event() -> None:
    async def main() -> None:
        async with Sandbox("python", deadline_ms=60_000) as box:
            events = box.follow("import time; time.sleep(0.5); print('a', flush=True); 3")
            await cancelled(events.__anext__())
            rest = [event async for event in events]
            assert isinstance(rest[-1], sandcell.Ended) and (rest[-1].outcome.text, rest[-1].outcome.result) == ("a\n", 3)
            assert rest[0] == sandcell.Output("stdout", b"a\n")
            assert (await box.run_async("1")).result == 1

    asyncio.run(main())


def test_a_step_that_is_cancelled_when_its_event_is_there_already_loses_no_event() -> None:
    async def main() -> None:
        async with Sandbox("python", deadline_ms=60_000) as box:
            for _ in range(20):
                events = box.follow("print('a', flush=True)")
                step = asyncio.ensure_future(events.__anext__())
                await asyncio.sleep(0)
                # Nothing of the loop runs meanwhile, so that the event and the cancellation meet.
                time.sleep(0.02)
                step.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await step
                assert [event async for event in events][0] == sandcell.Output("stdout", b"a\n")

    asyncio.run(main())


def test_cancelling_inside_of_async_with_closes_the_sandbox() -> None:
    async def main() -> None:
        box = Sandbox("python", deadline_ms=60_000)

        async def inside() -> None:
            async with box:
                await box.run_async("while True: pass")

        await cancelled(inside())
        assert box.closed and not box.cancel()
        with pytest.raises(ConfigError) as raised:
            box.run("1")
        assert raised.value.code == "sandbox_unusable"

    asyncio.run(main())


def test_cancelling_a_run_of_a_pool_gives_its_place_back() -> None:
    async def main() -> None:
        with Pool("python", max_sandboxes=1, deadline_ms=60_000) as pool:

            async def one() -> None:
                async with await pool.acquire_async("60s") as box:
                    await box.run_async("while True: pass")

            for _ in range(3):
                await cancelled(one())
            async with await pool.acquire_async("60s") as box:
                assert (await box.run_async("1")).result == 1

    asyncio.run(main())


def test_cancelling_a_run_of_a_workspace_keeps_its_files() -> None:
    async def main() -> None:
        space = sandcell.Workspace(mounts=[sandcell.Mount.memory("/w")], deadline_ms=60_000)
        await cancelled(space.run_async("python", "open('/w/x', 'w').write('kept')\nwhile True: pass"))
        assert not space.session("python").cancel()
        assert space.files.read("/w/x") == b"kept"
        space.session("python").close()
        assert (await space.run_async("python", "open('/w/x').read()")).result == "kept"

    asyncio.run(main())


def test_cancelling_while_a_coroutine_of_ours_is_called_cancels_it_too() -> None:
    async def main() -> None:
        heard: list[str] = []

        async def slow() -> int:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                heard.append("cancelled")
                raise
            return 1

        async with Sandbox("python", tools=[slow], deadline_ms=60_000) as box:
            await cancelled(box.run_async("slow()"))
            while not heard:
                await asyncio.sleep(0.01)
            await ended(box)

    asyncio.run(main())


def test_cancelling_at_any_moment_leaves_a_session_usable_or_ended() -> None:
    async def main() -> None:
        with Pool("python", deadline_ms=60_000) as pool:
            for number in range(40):
                box = await pool.acquire_async("60s")
                task = asyncio.ensure_future(box.run_async("sum(range(20_000))"))
                await asyncio.sleep(number / 10_000)
                task.cancel()
                try:
                    await task
                except asyncio.CancelledError:
                    pass
                assert not box.cancel()
                try:
                    assert (await box.run_async("1")).result == 1
                except ConfigError as error:
                    assert error.code == "session_ended"
                box.close()

    asyncio.run(main())
