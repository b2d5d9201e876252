"""What lives on until the interpreter ends: nothing hangs, nothing crashes, nothing is said."""

from __future__ import annotations

import pytest
from test_threads import python

PRELUDE = """
    import asyncio, sys, threading, time
    import sandcell
"""

LATE = """
    class Late:
        "Uses what it holds when it goes, which may be when hardly anything is there any more."
        def __init__(self, use):
            self.use = use
        def __del__(self, Exception=Exception):
            try:
                self.use()
            except Exception:
                pass
"""


def ends(program: str) -> None:
    done = python(f"{PRELUDE}{LATE}{program}\n    print('here', flush=True)\n", "-X", "dev", "-W", "error")
    assert (done.returncode, done.stdout, done.stderr) == (0, "here\n", ""), done


@pytest.mark.parametrize(
    "what",
    [
        "box = sandcell.Sandbox('python'); box.run('x = 1')",
        "pool = sandcell.Pool('python'); boxes = [pool.acquire() for _ in range(3)]; boxes[0].run('1'); pool = None",
        "pool = sandcell.Pool('python'); box = pool.acquire()",
        "box = sandcell.Sandbox('python'); saved = box.snapshot(); forks = saved.fork_many(3); forks[0].run('1')",
        "space = sandcell.Workspace(); session = space.session(); space.run('python', '1'); files = space.files",
        "files = sandcell.Sandbox('python').files; files.write('/tmp/x', 'x')",
        "out = sandcell.Sandbox('python').run('1'); status = out.status",
        "engine = sandcell.Engine(); image = sandcell.Image.load('python', engine=engine); box = sandcell.Sandbox(image)",
        "events = sandcell.Sandbox('python').follow('while True: pass')",
        "events = sandcell.Sandbox('python').follow('print(1, flush=True)\\nwhile True: pass'); next(events)",
        "executor = sandcell.SandboxExecutor(max_workers=1); future = executor.submit('1')",
        "executor = sandcell.SandboxExecutor(max_workers=1); executor.submit('1').result(); executor.shutdown()",
        "token = sandcell.Sandbox('python', tools=[sandcell.tool(lambda: 1, name='later', suspending=True)]).run('later()')",
        "sandcell.images.set_progress_hook(lambda progress: None)",
    ],
)
def test_globals(what: str) -> None:
    ends(f"    {what}")


def test_a_tool_in_a_cycle_with_its_sandbox() -> None:
    ends("""
    class Agent:
        def __init__(self):
            self.box = sandcell.Sandbox("python", tools=[self.ask], gate=lambda call: self and None)
            self.box.run("ask()")
        def ask(self) -> str:
            return repr(self.box)
    agent = Agent()
    dropped = Agent()
    del dropped
    """)


@pytest.mark.parametrize(
    "use",
    [
        "lambda box=box: box.run('1')",
        "lambda box=box: box.run('while True: pass')",
        "lambda box=box: box.close()",
        "lambda box=box: box.finish()",
        "lambda box=box: box.fork().run('1')",
        "lambda box=box: box.snapshot()",
        "lambda box=box: box.files.write('/tmp/x', 'x')",
        "lambda box=box: next(box.follow('1'))",
        "lambda box=box: box.run_async('1')",
        "lambda box=box: box.cancel()",
        "lambda box=box: next(iter(box.follow('while True: pass')))",
        "lambda pool=pool: pool.acquire()",
        "lambda pool=pool: pool.acquire('5s')",
        "lambda pool=pool: pool.close()",
        "lambda saved=saved: saved.fork()",
        "lambda saved=saved: saved.to_bytes()",
        "lambda space=space: space.run('python', '1')",
        "lambda make=sandcell.Sandbox: make('python').run('1')",
        "lambda box=box: box.run('1').check().usage",
        "lambda box=box: repr(box)",
        "lambda box=box: box.run(3)",
        "lambda run=tooled.run: run('tool()')",
    ],
)
@pytest.mark.parametrize("keep", ["late = Late({use})", "sys.late = Late({use})", "late = [Late({use})]; late.append(late)"])
def test_an_object_whose_end_uses_a_sandbox(use: str, keep: str) -> None:
    ends(f"""
    box = sandcell.Sandbox("python", deadline_ms=60_000)
    saved = box.snapshot()
    pool = sandcell.Pool("python")
    space = sandcell.Workspace()
    tooled = sandcell.Sandbox("python", tools=[sandcell.tool(lambda: 1, name="tool")])
    {keep.format(use=use)}
    """)


@pytest.mark.parametrize(
    "work",
    [
        "box.run('while True: pass')",
        "box.run('import time; time.sleep(60)')",
        "list(box.follow('while True: print(1)'))",
        "asyncio.run(awaited())",
        "box.run('tool()')",
        "pool.acquire('60s')",
        "asyncio.run(acquired())",
        "[sandcell.Sandbox('python').run('1') for _ in iter(int, 1)]",
        "[box.snapshot().fork().close() for _ in iter(int, 1)]",
        "space.run('python', 'while True: pass')",
        "saved.fork().run_to_end('while True: pass')",
    ],
)
def test_a_daemon_thread_that_is_inside(work: str) -> None:
    ends(f"""
    def tool():
        time.sleep(0.3)
        return 1
    box = sandcell.Sandbox("python", deadline_ms=60_000, tools=[tool])
    saved = box.snapshot()
    pool = sandcell.Pool("python", max_sandboxes=1)
    held = pool.acquire()
    space = sandcell.Workspace(deadline_ms=60_000)
    async def awaited():
        await box.run_async("while True: pass")
    async def acquired():
        await pool.acquire_async("60s")
    def work():
        {work}
    threading.Thread(target=work, daemon=True).start()
    time.sleep(0.2)
    """)


@pytest.mark.parametrize(
    "work",
    [
        "list(sandcell.Sandbox('python').follow('while True: print(1)'))",
        "[out.status.kind for _ in iter(int, 1)]",
        "[sandcell.language_of('x.py').title for _ in iter(int, 1)]",
        "mine = sandcell.Sandbox('python').files; [mine.list('/', recursive=True) for _ in iter(int, 1)]",
        "[refused() for _ in iter(int, 1)]",
        "[asyncio.run(awaited()) for _ in iter(int, 1)]",
    ],
)
def test_daemon_threads_that_make_values_of_python(work: str) -> None:
    """Several, so that one of them is in the middle of it when the interpreter ends."""
    ends(f"""
    box = sandcell.Sandbox("python", deadline_ms=60_000)
    out = box.run("1")
    async def awaited():
        async with sandcell.Sandbox("python") as box:
            return await box.run_async("1")
    def refused():
        try:
            sandcell.Sandbox(1)
        except TypeError as error:
            return error
    def work():
        {work}
    for _ in range(8):
        threading.Thread(target=work, daemon=True).start()
    time.sleep(0.2)
    """)


def test_a_run_that_nobody_awaited_says_only_what_python_says_of_it() -> None:
    done = python(f"""{PRELUDE}
    box = sandcell.Sandbox("python")
    async def keep():
        global kept
        kept = box.run_async("1")
    asyncio.run(keep())
    print("here", flush=True)
    """, "-X", "dev")  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "here\n"), done
    assert [line for line in done.stderr.splitlines() if "never awaited" not in line] == [], done


def test_an_atexit_handler_uses_sandboxes_before_ours_and_is_refused_after_it() -> None:
    done = python("""
    import atexit
    class Refused:
        "Registered before sandcell is imported: called after sandcell's own."
        def __call__(self):
            try:
                print(box.run("2").result)
            except sandcell.ConfigError as error:
                print(error.code)
    atexit.register(Refused())
    import sandcell
    box = sandcell.Sandbox("python")
    atexit.register(lambda: print(box.run("1").result))
    """, "-X", "dev", "-W", "error")  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "1\nsandbox_unusable\n", ""), done
