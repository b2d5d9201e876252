"""Threads, signals, processes, and the end of the interpreter."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

import sandcell
from sandcell import ConfigError, Sandbox


def python(program: str, *flags: str, timeout: float = 60) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *flags, "-c", textwrap.dedent(program)],
        capture_output=True, text=True, timeout=timeout, check=False,
    )  # fmt: skip


def test_other_threads_run_while_a_guest_computes(forever: sandcell.Image) -> None:
    ticks: list[float] = []
    stop = threading.Event()

    def tick() -> None:
        while not stop.wait(0.005):
            ticks.append(time.monotonic())

    thread = threading.Thread(target=tick)
    thread.start()
    with Sandbox(forever, deadline_ms=300) as box:
        assert box.run().status.limit == "deadline_ms"
    stop.set()
    thread.join()
    assert len(ticks) > 10


def test_many_threads_have_sandboxes_of_their_own() -> None:
    def work(number: int) -> int:
        with Sandbox("python") as box:
            box.run(f"x = {number}")
            return box.run("x * 2").result

    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(work, range(64))) == [number * 2 for number in range(64)]


def test_a_second_run_at_the_same_time_is_refused(forever: sandcell.Image) -> None:
    with Sandbox(forever, deadline_ms=60_000) as box:
        outcomes = []
        thread = threading.Thread(target=lambda: outcomes.append(box.run()))
        thread.start()
        while not box.cancel():
            time.sleep(0.001)
            if thread.is_alive():
                try:
                    box.run()
                except ConfigError as error:
                    assert error.code == "sandbox_unusable"
        thread.join()
    assert outcomes[0].status.kind == "cancelled"


def test_closing_ends_the_run_under_way(forever: sandcell.Image) -> None:
    box = Sandbox(forever, deadline_ms=60_000)
    outcomes = []
    thread = threading.Thread(target=lambda: outcomes.append(box.run()))
    thread.start()
    time.sleep(0.05)
    box.close()
    thread.join(10)
    assert not thread.is_alive() and outcomes[0].status.kind == "cancelled" and box.closed


@pytest.mark.usefixtures("ctrl_c")
@pytest.mark.parametrize("program", ["while True: pass", "import time; time.sleep(60)"])
def test_ctrl_c_ends_a_run(program: str) -> None:
    with Sandbox("python", deadline_ms=60_000) as box:
        threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
        began = time.monotonic()
        with pytest.raises(KeyboardInterrupt):
            box.run(program)
        assert time.monotonic() - began < 20
        with pytest.raises(ConfigError) as raised:
            box.run("1")
        assert raised.value.code == "session_ended"


def test_a_signal_handler_that_returns_does_not_end_the_run() -> None:
    heard = []
    before = signal.signal(signal.SIGUSR1, lambda *_: heard.append(time.monotonic()))
    try:
        threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGUSR1)).start()
        with Sandbox("python") as box:
            assert box.run("import time; time.sleep(0.3)").ok
        assert len(heard) == 1
    finally:
        signal.signal(signal.SIGUSR1, before)


@pytest.mark.usefixtures("ctrl_c")
def test_ctrl_c_ends_waiting_for_a_pool() -> None:
    with sandcell.Pool("python", max_sandboxes=1) as pool:
        held = pool.acquire()
        threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT)).start()
        with pytest.raises(KeyboardInterrupt):
            pool.acquire("60s")
        held.close()
        pool.acquire("5s").close()


def _child(results: multiprocessing.Queue, box: Sandbox) -> None:
    try:
        box.run("1")
        results.put("ran")
    except ConfigError as error:
        results.put(f"{error.code}: {error}")
    with Sandbox("python") as fresh:
        results.put(fresh.run("import time; time.sleep(0.01); 6 * 7").result)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_after_a_fork_old_sandboxes_are_refused_and_new_ones_work() -> None:
    with Sandbox("python") as box:
        box.run("import time; time.sleep(0.01)")
        context = multiprocessing.get_context("fork")
        results = context.Queue()
        child = context.Process(target=_child, args=(results, box))
        child.start()
        assert "sandbox_unusable" in (refused := results.get(timeout=60)) and "fork" in refused
        assert results.get(timeout=60) == 42
        child.join(60)
        assert child.exitcode == 0
        assert box.run("3").result == 3


@pytest.mark.parametrize(
    "end",
    [
        "pass",
        "threading.Thread(target=lambda: box.run('while True: pass'), daemon=True).start(); time.sleep(0.2)",
        "[threading.Thread(target=spin, daemon=True).start() for _ in range(4)]; time.sleep(0.2)",
        "asyncio.run(leave())",
        "box = None",
        "sys.exit(0)",
    ],
)
def test_the_interpreter_ends_with_live_sandboxes_without_hanging_crashing_or_warning(end: str) -> None:
    program = f"""
        import asyncio, sys, threading, time
        import sandcell
        box = sandcell.Sandbox("python", deadline_ms=60_000)
        box.run("x = 1")
        pool = sandcell.Pool("python")
        pooled = pool.acquire()
        snapshot = box.snapshot()
        cycle = [box]; cycle.append(cycle)
        def spin():
            while True:
                with sandcell.Sandbox("python") as fresh:
                    fresh.run("1")
        async def leave():
            task = asyncio.ensure_future(sandcell.Sandbox("python").run_async("while True: pass"))
            await asyncio.sleep(0.1)
        print("here", flush=True)
        {end}
    """
    began = time.monotonic()
    done = python(program, "-X", "dev", "-W", "error")
    assert (done.returncode, done.stdout, done.stderr) == (0, "here\n", ""), done
    assert time.monotonic() - began < 30


TRAPS = {
    "memory_out_of_bounds": "(drop (i32.load (i32.const 0x7fffffff)))",
    "integer_division_by_zero": "(drop (i32.div_s (i32.const 1) (local.get 0)))",
    "unreachable": "unreachable",
}


def trapping(reason: str) -> str:
    """A program that runs a guest of this trap three times."""
    return f"""
        import sandcell
        text = '(module (memory (export "memory") 1) (func (export "_start") (local i32) {TRAPS[reason]}))'
        image = sandcell.images.command(text, engine=sandcell.Engine(cache=False))
        for _ in range(3):
            print(sandcell.Sandbox(image).run().status.reason)
    """


@pytest.mark.parametrize("reason", TRAPS)
def test_faulthandler_before_the_first_sandbox_hears_nothing_of_a_guest_that_traps(reason: str) -> None:
    done = python("        import faulthandler; faulthandler.enable()" + trapping(reason), "-W", "error")
    assert (done.returncode, done.stdout.split(), done.stderr) == (0, [reason] * 3, ""), done


@pytest.mark.parametrize("reason", TRAPS)
def test_faulthandler_after_the_first_sandbox_is_refused_before_a_guest_can_trap(reason: str) -> None:
    done = python(
        trapping(reason)
        + """
        import faulthandler
        faulthandler.enable()
        for made in (image, sandcell.images.command(text, engine=sandcell.Engine(cache=False))):
            try:
                sandcell.Sandbox(made).run()
            except sandcell.HostError as error:
                print(error.code, "faulthandler" in error.hint)
        explicit = sandcell.images.command(text, engine=sandcell.Engine(cache=False, explicit_traps=True))
        print(sandcell.Sandbox(explicit).run().status.reason)
        """,
        "-W", "error",
    )  # fmt: skip
    refused = "signal_handlers_replaced True"
    assert (done.returncode, done.stdout.splitlines()) == (0, [*[reason] * 3, refused, refused, reason]), done
    assert done.stderr == "", done


def test_the_module_and_the_script_are_the_command() -> None:
    for command in ([sys.executable, "-m", "sandcell"], [os.path.join(os.path.dirname(sys.executable), "sandcell")]):
        done = subprocess.run([*command, "run", "-c", "print(6*7); raise SystemExit(5)"], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout) == (5, "42\n"), done
    doctor = subprocess.run([sys.executable, "-m", "sandcell", "doctor", "--json"], capture_output=True, text=True, check=False)
    assert doctor.returncode in (0, 1) and "python" in doctor.stdout
