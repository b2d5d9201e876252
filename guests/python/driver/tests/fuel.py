"""What a turn costs in fuel."""
from guest import outcome


def fuel(request, warm="", count=24):
    """Fuel of one turn, from the difference of many and twice as many."""
    used = [outcome([request], warm, n)["usage"]["fuel"] for n in (count, 2 * count)]
    return (used[1] - used[0]) / count


def report():
    print("fuel of one turn")
    for request in (b"", b"\npass", b"\nx=41", b"\nprint(42)", b"\nx=41; print(x+1)", b"\nx=41\nprint(x+1)", b"\n41+1",
                    b"\n'a'", b"\nx=[1,2,3]\nx", b"\ndef f(x):\n    return x + 1\n\nprint(f(3))\n",
                    b"\nfor i in range(3):\n    print(i)", b"q"):
        print(f"{fuel(request) / 1000:9.1f}k  {request!r}")
    for warm in ("", "import random", "import numpy", "import pandas, random"):
        cost = fuel(b"f\npass", warm) - fuel(b"\npass", warm)
        print(f"{cost / 1000:9.1f}k  new seeds of a fork, warm-up {warm!r}")
