"""Many sandboxes, half of them dropped without a word, leave nothing behind."""

from __future__ import annotations

from test_threads import python


def test_ten_thousand_sandboxes_leave_nothing_behind() -> None:
    done = python(
        """
        import gc, os, threading, time
        import sandcell

        def census():
            gc.collect()
            # A thread of Python's that was joined may still be on its way out of the kernel.
            give_up = time.monotonic() + 20
            while len(os.listdir("/proc/self/task")) > threading.active_count() and time.monotonic() < give_up:
                time.sleep(0.01)
            with open("/proc/self/maps") as maps, open("/proc/self/status") as status:
                [resident] = [int(line.split()[1]) for line in status if line.startswith("VmRSS:")]
                return {
                    "files": len(os.listdir("/proc/self/fd")),
                    "maps": sum(1 for _ in maps),
                    "threads": threading.active_count(),
                    "native threads": len(os.listdir("/proc/self/task")),
                    "resident KiB": resident,
                }

        def tool(n: int) -> int:
            return n + 1

        def work(count):
            for number in range(count):
                box = sandcell.Sandbox("python", tools=[tool], fuel=500_000_000)
                if number % 10 == 0:
                    box.run("x = tool(1)")
                if number % 2:
                    box.close()
                if number % 500 == 0:
                    # Dropped by its last holder while it runs: a thread that nobody joins yet.
                    runs = threading.Thread(target=lambda held=[box]: held.pop().run("while True: pass"))
                    threads.append(runs)
                    runs.start()
                del box

        def round(count):
            workers = [threading.Thread(target=work, args=(count // 4,)) for _ in range(4)]
            for worker in workers: worker.start()
            for worker in workers: worker.join()
            for thread in threads: thread.join()
            threads.clear()

        threads = []
        round(10_000)
        before = census()
        round(20_000)
        after = census()
        print(before, after)
        # Slots of memory are kept for the next guests: as many as ran at once, of which the first round had
        # perhaps fewer. A page for each sandbox would be 80,000 KiB.
        may_grow = {"files": 2, "maps": 400, "threads": 0, "native threads": 0, "resident KiB": 50_000}
        grown = {what: after[what] - before[what] for what in before}
        assert all(grown[what] <= may_grow[what] for what in grown), (before, after)
        """,
        "-X", "dev", "-W", "error", timeout=300,
    )  # fmt: skip
    assert done.returncode == 0 and done.stderr == "", done
