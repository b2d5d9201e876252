"""The asynchronous twins."""

from __future__ import annotations

import asyncio
import time

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
