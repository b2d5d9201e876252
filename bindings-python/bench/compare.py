"""Compares sandcell with Rust and with its nearest peers, all in one run: medians, and their ratios.

`cargo xtask compare` installs what this needs, and runs it. Rounds of all contestants take turns, so that what else the
machine does meets them alike. `at most` and `at least` are what the project wants to hold on an idle machine; nothing
fails here.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass

import eryx
import pydantic_monty
from sandcell import Sandbox

PROGRAM = "x = 41\nprint(x + 1)"
SPIN = "n = 0\nfor i in range(3_000_000): n += i"


@dataclass
class Row:
    name: str
    value: float
    bound: str
    what: str


def fresh_sandcell() -> None:
    with Sandbox("python") as box:
        assert box.run(PROGRAM).text == "42\n"


def fresh_eryx() -> None:
    assert eryx.Sandbox().execute(PROGRAM).stdout_text == "42\n"


def fresh_monty(pool: pydantic_monty.Monty) -> None:
    with pool.checkout() as session:
        session.feed_run(PROGRAM, print_callback=pydantic_monty.CollectString())


def timed(work: Callable[[], object], times: int) -> float:
    began = time.perf_counter()
    for _ in range(times):
        work()
    return (time.perf_counter() - began) / times * 1e6


def medians(contestants: dict[str, tuple[Callable[[], object], int]], rounds: int) -> dict[str, float]:
    """Microseconds of each, the median of rounds that take turns."""
    for work, times in contestants.values():
        timed(work, times)
    found: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(rounds):
        for name, (work, times) in contestants.items():
            found[name].append(timed(work, times))
    return {name: statistics.median(values) for name, values in found.items()}


def throughput(contestants: dict[str, tuple[Callable[[], object], int]], rounds: int) -> dict[str, float]:
    """How often a second each does its work on its number of threads, the median of rounds that take turns."""
    found: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(rounds):
        for name, (work, threads) in contestants.items():
            found[name].append(per_second(work, threads))
    return {name: statistics.median(values) for name, values in found.items()}


def per_second(work: Callable[[], object], threads: int, seconds: float = 0.5) -> float:
    """How often the threads together do it in a second."""
    until = time.perf_counter() + seconds

    def loop() -> int:
        count = 0
        while time.perf_counter() < until:
            work()
            count += 1
        return count

    began = time.perf_counter()
    with ThreadPoolExecutor(threads) as pool:
        done = sum(future.result() for future in [pool.submit(loop) for _ in range(threads)])
    return done / (time.perf_counter() - began)


def tool_call(rounds: int) -> float:
    """One call of a plain function, the loop around it taken off."""
    calls = 2_000

    def price(symbol: str) -> float:
        return 1.25

    def loop(box: Sandbox, call: str) -> float:
        code = f"import time\nt = time.perf_counter()\nfor i in range({calls}): {call}\ntime.perf_counter() - t"
        result = box.run(code).check().result
        assert isinstance(result, float)
        return result

    with Sandbox("python", tools=[price], host_calls=10_000_000) as box:
        pairs = [(loop(box, "price('apple')"), loop(box, "str('apple')")) for _ in range(rounds)]
    return statistics.median((call - empty) / calls * 1e6 for call, empty in pairs)


def longest_stall() -> float:
    """How long a ticking thread of the host is held up while two threads run guests, in milliseconds."""
    stop = threading.Event()
    longest = 0.0

    def tick() -> None:
        nonlocal longest
        last = time.perf_counter()
        while not stop.is_set():
            time.sleep(0.001)
            now = time.perf_counter()
            longest = max(longest, now - last)
            last = now

    def run() -> None:
        with Sandbox("python") as box:
            box.run(SPIN).check()

    ticking = threading.Thread(target=tick)
    ticking.start()
    try:
        with ThreadPoolExecutor(2) as pool:
            for future in [pool.submit(run) for _ in range(6)]:
                future.result()
    finally:
        stop.set()
        ticking.join()
    return longest * 1e3


def rust(sandcell: str) -> float:
    """The same program, fresh, from Rust, in microseconds."""
    done = subprocess.run([sandcell, "bench", "--only", "print", "--json"], stdout=subprocess.PIPE, check=True)
    return float(json.loads(done.stdout)["fresh_print_us_p50"])


def measure(sandcell: str | None, rounds: int) -> list[Row]:
    rows = []
    with pydantic_monty.Monty() as pool:
        # Eryx first: whoever comes later keeps the signal handlers of whoever came before, and sandcell checks its own.
        contestants: dict[str, tuple[Callable[[], object], int]] = {
            "eryx": (fresh_eryx, 20),
            "sandcell": (fresh_sandcell, 200),
            "monty": (lambda: fresh_monty(pool), 200),
        }
        us = medians(contestants, rounds)
        rows += [Row(f"{name}_us", value, "", f"fresh interpreter, print, end: {name}") for name, value in us.items()]
        rows.append(Row("to_eryx", us["sandcell"] / us["eryx"], "at most 0.1", "sandcell / eryx"))
        rows.append(Row("to_monty", us["sandcell"] / us["monty"], "at most 2, aim 1", "sandcell / monty"))
        if sandcell:
            # Before and after, so that neither has the quieter machine.
            first, again = rust(sandcell), medians({"sandcell": (fresh_sandcell, 200)}, rounds)["sandcell"]
            second = rust(sandcell)
            rows.append(Row("rust_us", (first + second) / 2, "", "the same from Rust"))
            rows.append(Row("to_rust", again / ((first + second) / 2), "at most 1.5", "Python / Rust"))
        a_second = throughput(
            {"one": (fresh_sandcell, 1), "two": (fresh_sandcell, 2), "monty": (lambda: fresh_monty(pool), 2)}, rounds
        )
    rows += [
        Row("per_second", a_second["two"], "", "fresh runs a second, 2 threads"),
        Row("monty_per_second", a_second["monty"], "", "the same of monty"),
        Row("two_threads", a_second["two"] / a_second["one"], "at least 1.7", "2 threads / 1 thread"),
        Row("two_threads_to_monty", a_second["two"] / a_second["monty"], "at least 1", "sandcell / monty, 2 threads"),
        Row("tool_call_us", tool_call(rounds), "at most 40", "a call of a plain function"),
        Row("longest_stall_ms", longest_stall(), "at most 50", "a ticking thread of the host, while guests run"),
    ]
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sandcell", help="the command, for the figure of Rust")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    rows = measure(arguments.sandcell, arguments.rounds)
    if arguments.json:
        print(json.dumps([asdict(row) for row in rows], indent=2))
        return
    for row in rows:
        print(f"{row.name:<22} {row.value:>10.2f}  {row.bound:<18} {row.what}")


if __name__ == "__main__":
    main()
