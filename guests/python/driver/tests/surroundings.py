"""What a program finds around it: streams, names, asyncio, no threads, seeds."""
import tempfile

from guest import one, run


def test_streams():
    a, b, c, d, e = run("print(1); import sys; sys.stdout.write('a\\ud83d'); sys.stderr.write('e')" .replace("\\ud83d", "é"),
                        "import io; sys.stdout = io.StringIO(); print('lost')", "sys.stdout.close()", "print(2)",
                        "sys.stdout.detach(); sys.stdin.close(); sys.stderr.close()")[:5]
    assert (a.out, a.err, b.out, d.out) == ("1\naé", "e", "", "2\n"), (a.out, b.out, c.out, d.out)
    a, b = run("import sys\nsys.stdout.buffer.write(b'x'); print('y', flush=True); (sys.stdout.encoding, sys.stdout.isatty(), sys.stdout.errors, sys.stderr.errors, sys.stdout.fileno())", "print('z')")
    assert a.out.endswith("y\n") and "x" in a.out and a.result == ["utf-8", False, "surrogateescape", "backslashreplace", 1], a.raw
    a = run("import io, contextlib\nwith contextlib.redirect_stdout(io.StringIO()) as s: print(5)\ns.getvalue()")[0]
    assert a.result == "5\n" and a.out == ""
    with tempfile.NamedTemporaryFile("w") as file:
        file.write("ab\ncd\n")
        file.flush()
        a, b = run("input('? ')", "import sys; sys.stdin.read()", options=("--stdin", file.name))
    assert a.result == "ab" and a.out == "? " and b.result == "", (a.raw, b.raw)
    a, b = run("import sys; sys.stdout.write('kept')", b"!")
    assert a.out + b.out == "kept" and b.raw == b""


def test_names_and_state():
    replies = run("import dataclasses, pickle, typing\n@dataclasses.dataclass\nclass P:\n  x: int\n  y: 'typing.Any' = 3",
                  "pickle.loads(pickle.dumps(P(1))) == P(1)", "__name__, __doc__", "import sys; sys.argv",
                  b'{"argv":["a","b"],"env":{"K":"v"},"path0":"/p","zz":1}\n(sys.argv, __import__("os").environ["K"], sys.path[0])',
                  "from __future__ import annotations", "def g(a: unknown): pass\ng.__annotations__",
                  "typing.get_type_hints(P)['x'] is int")
    assert [r.result for r in replies] == [None, True, ["__main__", None], ["-c"], [["a", "b"], "v", "/p"], None,
                                           {"a": "unknown"}, True], [r.raw for r in replies]
    assert one("import asyncio\nawait asyncio.sleep(0)\nx = 3\nx").result == 3
    assert one("import asyncio\nasync def f(): return 4\nawait f()").result == 4


def test_asyncio_threads_and_processes():
    reply = one("import asyncio\nasync def m():\n  await asyncio.sleep(0.01)\n  return await asyncio.gather(*[asyncio.sleep(0, i) for i in range(3)])\nasyncio.run(m())")
    assert reply.result == [0, 1, 2], reply.raw
    for warm in ("", "import asyncio, threading, subprocess, concurrent.futures"):
        for source, kind, word in [
            ("import threading; threading.Thread(target=print).start()", "RuntimeError", "threads"),
            ("import _thread; _thread.start_new_thread(print, ())", "RuntimeError", "threads"),
            ("from concurrent.futures import ThreadPoolExecutor\nwith ThreadPoolExecutor() as p: p.submit(print)", "RuntimeError", "threads"),
            ("import asyncio; asyncio.run(asyncio.to_thread(print))", "RuntimeError", "threads"),
            ("import subprocess; subprocess.run(['ls'])", "OSError", "processes"),
            ("import os; os.system('ls')", "OSError", "processes"),
            ("import os; os.popen('ls')", "OSError", "processes"),
            ("import os; os.fork()", "AttributeError", "processes"),
            ("import multiprocessing as m; m.Process(target=print).start()", "OSError", "processes"),
            ("import asyncio; asyncio.run(asyncio.create_subprocess_shell('ls'))", "OSError", "processes"),
        ]:
            reply = one(source, warm=warm)
            assert reply.raised and reply.raised["type"] == kind and word + " cannot be started in this sandbox" in reply.raised["message"], (warm, source, reply.raw)
            assert not reply.err.count("Exception ignored"), (source, reply.err)


def test_forks_are_seeded_and_ends_are_orderly():
    warm = "import random, uuid, tempfile, multiprocessing.process, logging, numpy.random, secrets"
    source = b"""(random.random(), random.gauss(), numpy.random.rand(), str(uuid.uuid1())[-17:], str(uuid.uuid4()),
 tempfile.mktemp(), bytes(multiprocessing.process.current_process().authkey).hex())"""
    head = b"f\n" + warm.encode() + b"\n"
    first, second, third = (run(head + source, warm=warm, options=("--seed", seed))[0].result for seed in "112")
    assert first == second, (first, second)
    assert not set(map(str, first)) & set(map(str, third)), (first, third)
    replies = run("import atexit; atexit.register(print, 'bye')\nf = open('/tmp/out', 'w'); f.write('kept')\nclass A:\n  def __del__(self): print('del')\na = A(); a.self = a", b"q", "open('/tmp/out').read()", b"q")
    assert replies[1].out == "bye\ndel\n" and replies[2].result == "kept", [(r.raw, r.out, r.err) for r in replies]
