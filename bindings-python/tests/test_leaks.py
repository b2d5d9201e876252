"""Many sandboxes, half of them dropped without a word, leave nothing behind."""

from __future__ import annotations

from test_threads import python

COUNT = 10_000


def test_ten_thousand_sandboxes_leave_nothing_behind() -> None:
    done = python(
        f"""
        import gc, os, threading, time
        import sandcell

        def census():
            gc.collect()
            with open("/proc/self/maps") as maps:
                return len(os.listdir("/proc/self/fd")), sum(1 for _ in maps), threading.active_count()

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

        threads = []
        work(400)
        for thread in threads: thread.join()
        before = census()
        threads = []
        workers = [threading.Thread(target=work, args=({COUNT} // 4,)) for _ in range(4)]
        for worker in workers: worker.start()
        for worker in workers: worker.join()
        for thread in threads: thread.join()
        after = census()
        print(before, after)
        assert after[0] <= before[0] + 2, (before, after)
        # Slots of memory are kept for the next guests: as many as ran at once.
        assert after[1] <= before[1] + 400, (before, after)
        assert after[2] == before[2], (before, after)
        """,
        "-X", "dev", "-W", "error", timeout=300,
    )  # fmt: skip
    assert done.returncode == 0 and done.stderr == "", done
