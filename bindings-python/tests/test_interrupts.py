"""Ctrl-C in a program of its own: it ends by ``KeyboardInterrupt``, closes what it had open and hangs nowhere."""

from __future__ import annotations

import pytest
from test_threads import python

PRELUDE = """
    import asyncio, os, signal, sys, threading, time
    import sandcell
    signal.signal(signal.SIGINT, signal.default_int_handler)

    def ctrl_c(ready, wait=0.2):
        "Once there is something to interrupt."
        def press():
            while not ready():
                time.sleep(0.01)
            time.sleep(wait)
            os.kill(os.getpid(), signal.SIGINT)
        threading.Thread(target=press, daemon=True).start()

    def always():
        return True
"""


def interrupted(program: str) -> str:
    """Runs a program that Ctrl-C ends, and returns what it printed."""
    done = python(PRELUDE + program, "-X", "dev", "-W", "error")
    # The interpreter ends itself by the signal, so that its parent knows.
    assert done.returncode == -2, done
    lines = done.stderr.strip().splitlines()
    assert lines[0] == "Traceback (most recent call last):" and lines[-1] == "KeyboardInterrupt", done
    assert "Warning" not in done.stderr and "Exception ignored" not in done.stderr, done
    return done.stdout


@pytest.mark.parametrize("guest", ["while True: pass", "import time; time.sleep(60)"])
def test_ctrl_c_ends_an_awaited_run(guest: str) -> None:
    told = interrupted(f"""
    box = sandcell.Sandbox("python", deadline_ms=60_000)
    async def main():
        async with box:
            ctrl_c(always)
            try:
                await box.run_async({guest!r})
            finally:
                print("awaited", box.cancel(), flush=True)
    try:
        asyncio.run(main())
    finally:
        print("closed", box.closed, flush=True)
    """)
    assert told == "awaited False\nclosed True\n"


def test_ctrl_c_ends_many_awaited_runs_at_once() -> None:
    told = interrupted("""
    boxes = [sandcell.Sandbox("python", deadline_ms=60_000) for _ in range(8)]
    async def one(box):
        async with box:
            await box.run_async("while True: pass")
    async def main():
        ctrl_c(always)
        await asyncio.gather(*map(one, boxes))
    try:
        asyncio.run(main())
    finally:
        print([box.closed for box in boxes], flush=True)
    """)
    assert told == f"{[True] * 8}\n"


def test_ctrl_c_ends_waiting_for_a_pool_in_an_event_loop() -> None:
    told = interrupted("""
    async def main():
        with sandcell.Pool("python", max_sandboxes=1) as pool, pool.acquire() as held:
            ctrl_c(lambda: pool.metrics().waiting == 1, 0)
            try:
                await pool.acquire_async("60s")
            finally:
                print(pool.metrics().waiting, held.run("1").result, flush=True)
    asyncio.run(main())
    """)
    assert told == "0 1\n"


@pytest.mark.parametrize("work", ["['while True: pass'] * 50", "spin, range(50)"])
def test_ctrl_c_ends_an_executor(work: str) -> None:
    told = interrupted(f"""
    import linecache
    source = "def spin(n):\\n    while True:\\n        pass\\n"
    linecache.cache["<spin>"] = (len(source), None, source.splitlines(True), "<spin>")
    exec(compile(source, "<spin>", "exec"), globals())
    with sandcell.SandboxExecutor(max_workers=2, deadline_ms=300_000) as executor:
        try:
            ctrl_c(always)
            for outcome in executor.map({work}):
                pass
        finally:
            print("left", flush=True)
    """)
    assert told == "left\n"


def test_ctrl_c_while_an_executor_waits_for_its_programs_ends_them() -> None:
    told = interrupted("""
    ctrl_c(always)
    with sandcell.SandboxExecutor(max_workers=2, deadline_ms=300_000) as executor:
        futures = [executor.submit("while True: pass") for _ in range(20)]
        print("waits", flush=True)
    """)
    assert told == "waits\n"


@pytest.mark.parametrize("wait", [0.0, 0.3])
def test_ctrl_c_ends_a_run_that_a_thread_follows(wait: float) -> None:
    told = interrupted(f"""
    try:
        with sandcell.Sandbox("python", deadline_ms=60_000) as box:
            events = box.follow("while True: pass")
            try:
                ctrl_c(always, {wait})
                for event in events:
                    pass
            finally:
                time.sleep({wait or 0.2})
                print(box.cancel(), flush=True)
    finally:
        print(box.closed, flush=True)
    """)
    assert told == "False\nTrue\n"


def test_ctrl_c_between_events_ends_the_run() -> None:
    told = interrupted("""
    with sandcell.Sandbox("python", deadline_ms=60_000) as box:
        try:
            with box.follow("print('a', flush=True)\\nwhile True: pass") as events:
                for event in events:
                    ctrl_c(always, 0)
                    time.sleep(20)
        finally:
            try:
                box.run("1")
            except sandcell.ConfigError as error:
                print(error.code, flush=True)
    """)
    assert told == "session_ended\n"


def test_ctrl_c_ends_a_run_that_an_event_loop_follows() -> None:
    told = interrupted("""
    box = sandcell.Sandbox("python", deadline_ms=60_000)
    async def main():
        async with box:
            ctrl_c(always)
            async for event in box.follow("while True: pass"):
                pass
    try:
        asyncio.run(main())
    finally:
        print(box.closed, flush=True)
    """)
    assert told == "True\n"


def test_ctrl_c_in_a_tool_ends_the_run_by_that_exception() -> None:
    told = interrupted("""
    def slow() -> int:
        ctrl_c(always, 0)
        time.sleep(20)
        return 1
    try:
        with sandcell.Sandbox("python", tools=[slow], deadline_ms=60_000) as box:
            box.run("try:\\n slow()\\nexcept BaseException: pass\\nwhile True: pass")
    finally:
        print(box.closed, flush=True)
    """)
    assert told == "True\n"


def test_ctrl_c_ends_a_workspace_and_a_resumed_run() -> None:
    told = interrupted("""
    space = sandcell.Workspace(deadline_ms=60_000)
    try:
        ctrl_c(always)
        space.run("python", "while True: pass")
    except KeyboardInterrupt:
        print("workspace", flush=True)
    wait = sandcell.tool(lambda: None, name="wait", suspending=True)
    with sandcell.Sandbox("python", tools=[wait], deadline_ms=60_000) as box:
        out = box.run("wait()\\nwhile True: pass")
        ctrl_c(always)
        box.resume(out, {out.status.calls[0].id: 1})
    """)
    assert told == "workspace\n"


def test_ctrl_c_while_an_image_is_compiled_goes_back_to_the_caller() -> None:
    # Given up, the work goes on by itself; the exit waits for it.
    interrupted("""
    functions = "".join(f"(func (export \\"f{n}\\") (param i64) (result i64) "
                        + "(local.get 0)" + "(i64.const 3) i64.mul (i64.const 7) i64.rotl" * 300 + ")" for n in range(600))
    ctrl_c(always, 0.1)
    for _ in range(100):
        sandcell.images.command(f"(module (memory (export \\"memory\\") 1) {functions} (func (export \\"_start\\")))",
                                engine=sandcell.Engine(cache=False))
    """)
