"""Scores a thousand programs, each in an interpreter that nobody used before, with a progress bar."""

from __future__ import annotations

import sys

from sandcell import SandboxExecutor

# What a model that is being trained has written: some are right, some wrong, some never end.
PROGRAMS = [
    "def answer(n): return n * (n + 1) // 2",
    "def answer(n): return sum(range(n))",
    "def answer(n):\n    while True: pass",
    "def answer(n): return open('/etc/passwd').read()",
]
CHECK = "\nall(answer(n) == sum(range(n + 1)) for n in range(20))"


def bar(finished: int, submitted: int) -> None:
    """One line on a terminal, nothing elsewhere."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r{finished}/{submitted}")


def main(count: int = 1_000) -> dict[str, int]:
    """Scores ``count`` programs and says how they did."""
    scores = {"right": 0, "wrong": 0, "raised": 0, "exceeded": 0}
    with SandboxExecutor("python", fuel=20_000_000, progress=bar) as executor:
        programs = (PROGRAMS[number % len(PROGRAMS)] + CHECK for number in range(count))
        for outcome in executor.map(programs):
            kind = outcome.status.kind
            scores[kind if kind != "exited" else "right" if outcome.result is True else "wrong"] += 1
    print(scores)
    return scores


if __name__ == "__main__":
    main()
