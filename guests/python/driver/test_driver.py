#!/usr/bin/env python3
"""Tries the driver inside the real guest and prints what it costs in fuel.

python3 test_driver.py [--sandcell COMMAND] [--mpl-data FOLDER] [WORD…]     only the tests whose names hold a WORD
"""
import argparse
import base64
import json
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
FILES = ("streams", "guards", "seeds", "answer", "split", "tools_wire", "tools_schema", "tools", "tools_aio", "turn")

# Runs in the guest: makes the driver as the host does, then the turns, with NULs between their outputs.
BOOT = """
import os, sys, types
sys.modules["__main__"] = types.ModuleType("__main__")
m = types.ModuleType("_sandcell")
sys.modules["_sandcell"] = m
source = "".join(open(f"/drv/{name}.py").read() + "\\n" for name in FILES)
exec(compile(source, "<sandcell>", "exec"), m.__dict__)
m.install()
WARM
m.freeze()
turns, repeat = TURNS
answers = []
for _ in range(repeat):
    for request in turns:
        answers.append(m.turn(request))
        if repeat == 1:
            os.write(1, b"\\0")
            os.write(2, b"\\0")
if repeat == 1:
    os.write(1, b"\\1" + repr(answers).encode())
"""


class Reply:
    def __init__(self, answer, out, err):
        self.raw, self.out, self.err = answer, out, err
        self.answer = json.loads(answer) if answer else {}

    def __getattr__(self, name):
        return self.answer.get(name)


def outcome(turns, warm="", repeat=1, options=()):
    turns = [turn if isinstance(turn, bytes) else b"\n" + turn.encode() for turn in turns]
    code = BOOT.replace("FILES", repr(FILES)).replace("WARM", warm).replace("TURNS", f"({turns!r}, {repeat})")
    command = [SANDCELL, "run", "--image", "python", "--json", "--limit", "fuel=100000000000"]
    command += ["--limit", "deadline_ms=120000", "--mount", HERE + ":/drv", *options, "-c", code]
    return json.loads(subprocess.run(command, capture_output=True, check=False).stdout)


def run(*turns, warm="", options=()):
    """The replies of `turns` in one guest."""
    ended = outcome(turns, warm, 1, options)
    out = ended["stdout"] if "stdout" in ended else base64.b64decode(ended["stdout_base64"]).decode("utf-8", "replace")
    assert ended["status"] == {"kind": "exited", "code": 0}, (ended["status"], out[-300:], ended.get("stderr"))
    *outs, answers = out.split("\0")
    errs = ended["stderr"].split("\0")
    return [Reply(*parts) for parts in zip(eval(answers[1:]), outs, errs)]


def one(source, **more):
    return run(source, **more)[0]


def fuel(request, warm="", count=24):
    """Fuel of one turn, from the difference of many and twice as many."""
    used = [outcome([request], warm, n)["usage"]["fuel"] for n in (count, 2 * count)]
    return (used[1] - used[0]) / count


def test_the_value_of_the_last_expression():
    for source, value in [
        ("41+1", 42), ("x=41; x+1", 42), ("x=1\nx", 1), ("'a'", "a"), ("'''a\nb'''", "a\nb"), ("1.5", 1.5),
        ("True", True), ("[1,(2,3),{'a':None}]", [1, [2, 3], {"a": None}]), ("1;", None), ("x=1\nx;", None),
        ("x=1\nx ; # c", None), ("2**63", 2**63), ("", None), ("# c", None), ("x=2", None), ("None", None),
        ("'é\\u20ac'", "é€"), ("ü=3; ü", 3), ("def f(): return 7\nf()", 7), ("\n\n5\n\n# end\n", 5),
        ("(1,\n2\n)", [1, 2]), ("# -*- coding: latin-1 -*-\n'é'", "é"), ("x = 1\r\nx+1\r\n", 2), ("if 1: 5", None),
        ("match 3:\n case 3: x=4\nx", 4), ("5 # ;", 5), ("\f5", 5), ("await_=3; await_", 3),
    ]:
        reply = one(source)
        assert reply.result == value and "raised" not in reply.answer, (source, reply.raw)
    for source, text in [
        ("2**64", str(2**64)), ("float('nan')", "nan"), ("{1:2}", "{1: 2}"), ("{1}", "{1}"), ("b'x'", "b'x'"),
        ("'\\ud800'", "'\\ud800'"), ("['\\udfff']", "['\\udfff']"), ("x=[]; x.append(x); x", "[[...]]"),
        ("class A:\n def __repr__(self): 1/0\nA()", "<A object: its repr raised ZeroDivisionError>"),
        ("class A:\n def __repr__(self): raise SystemExit(3)\nA()", "<A object: its repr raised SystemExit>"),
        ("x=[]\nfor i in range(10**5): x=[x]\nx", "<list object: its repr raised RecursionError>"),
    ]:
        reply = one(source)
        assert reply.repr == text and reply.result is None, (source, reply.raw)


CORPUS = r'''
x=41; print(x+1)
1; x=2
f(); pass
f(); assert 1
f(); del ()
f(); (y): int
f(); y: int
f(); global q
f(); import sys
x = 5; [i*x for i in range(3)]
[i for i in range(3)]; x=1
x and f()
f() or 5
1 if x else 2
1 < x < 3
f();; 3
"a;b"; 'c;d'
"a" "b;" ;
f("; pass")
f(";x");x  #;
lambda: 3; 4
{'a': 1}; {1: 2}
(x := 5)
x = y = 3
x += 1
x[0] = 1
x.a = 1
print(1) ; print(2)
iffy = 1; iffy
format(3)
deltas = 3; deltas
klass = 3; f(); klass
for i in range(3): f(i)
if 1: f(2); 3
while 0: 1
with open('/dev/null') as g: g
try: f()
except E: 1
class A: pass
@f
async def g(): pass
yield 3
return 3
await f()
f'{x!r:>{10}}'
f'{f("a")}'
f"""{
x}"""
x = """
y
"""
"""
y = 1
"""
"""
def y(): pass
"""
f("""
import os
""")
x = [
1,
2]
f(
x
)
f(
x=1)
(f(),
x)
f(3,
4)[0]
x = 1 + \
2
x = \
f(2)
f \
(3)
if x: \
f(4)
'abc\
def f'
"abc\
x = 1"
if 1:
    f(1)
if 1:
    f(1)
else:
    f(2)
for i in range(2):
    f(i)
else: f(3)
while False:
    1
else:
    f(9)
try:
    1/0
except ZeroDivisionError:
    f(5)
finally: f(6)
def g():
    return 1

    # comment
def g(): return 2
g()
@deco
def h(): pass
class B:
    x = 1
class B: x = 2; y = 3
with ctx() as c:
    c
[a
for a in range(3)
if a]
sum(a
for a in range(3)
    if a)
{1:
 2}
x if 0 else 5
x = 1 if 0 else 5
None, \
3
None
True; False
...
__debug__
not x
-x
~3
*x, y = [1, 2]
(x) = 3
x, y = 1, 2
x: int = 3
x: int
(f()).a: int
type T = int
type(3)
match = 3; match
match x:
    case 1: f(1)
    case _: f(2)
from os import path
from os import (path,
sep)
import os
raise ValueError
assert x, "a"
del x
global z
nonlocal z
pass
from __future__ import annotations
x\
=3
(lambda:
3)()
x[1:
2]
f(x)   # trailing; comment
f(x); # trailing
# only a comment
f(1)
# comment after

x ;
	x
 x
print("a\tb");	x
x=1;y=2;x+y
"docstring"
"docstring"; 3
'''.strip("\n").split("\n")

# Snippets of several lines: joined again from the corpus's own continuation lines, and pairs of all.
PROPERTY = r"""
import io, contextlib
lines = CORPUS
pieces, i = [], 0
for a in range(len(lines)):
    for b in range(a + 1, min(a + 7, len(lines)) + 1):
        pieces.append("\n".join(lines[a:b]))
for a in range(0, len(lines)):
    for b in range(a % 7, len(lines), 7):
        pieces.append(lines[a] + "\n" + lines[b] + "\n")
        pieces.append(lines[a] + "; " + lines[b])
PRELUDE = '''
class D(dict):
    pass
class E(Exception): pass
log = []
def f(*a, **k):
    log.append((a, k)); return D(n=len(log))
def deco(g): return g
def ctx(): return contextlib.nullcontext(7)
x = 2; y = 4; a = b = c = 3
'''
def value_of(parts, name):
    space = {"__name__": "__main__", "contextlib": contextlib}
    exec(PRELUDE, space)
    out = io.StringIO()
    value = error = None
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        try:
            for code in parts:
                if code.co_flags & 0x80:
                    eval(code, space).close()
                    value = "awaited"
                else:
                    value = eval(code, space)
        except BaseException as caught:
            error = repr(caught)
    import re
    names = {k: re.sub(" at 0x[0-9a-f]+", "", repr(v)) for k, v in space.items() if k[:2] != "__"}
    return repr(value) if not callable(value) else "callable", error, out.getvalue(), sorted(names.items())
def outcome_of(split, source):
    m._flags = 0
    try:
        parts = split(source, "t")
    except BaseException as error:
        return "error", type(error).__name__, str(error), getattr(error, "text", None), getattr(error, "offset", None)
    return value_of(parts, "t")
import warnings
warnings.simplefilter("ignore")
taken = differences = ok = 0
tree = m._split_tree
for source in dict.fromkeys(pieces):
    used = []
    def spy(s, n):
        used.append(1)
        return tree(s, n)
    m._split_tree = spy
    fast = outcome_of(m._split, source)
    m._split_tree = tree
    exact = outcome_of(tree, source)
    ok += exact[0] != "error"
    taken += not used
    if fast != exact:
        differences += 1
        if differences < 8:
            os.write(2, repr((source, fast, exact)).encode() + b"\n\n")
os.write(2, f"{len(pieces)} programs, {ok} compile, {taken} without a tree, {differences} differ".encode())
"""


def test_splitting_agrees_with_the_tree():
    ended = outcome([b""], PROPERTY.replace("CORPUS", repr(CORPUS)))
    print("   ", ended["stderr"].strip("\0"), ended["status"])
    assert " 0 differ" in ended["stderr"]


def test_errors_carry_the_users_lines():
    reply = one("def f():\n  return 1/0\n\nf()")
    assert reply.raised == {
        "type": "ZeroDivisionError",
        "message": "division by zero",
        "traceback": 'Traceback (most recent call last):\n  File "<turn 1>", line 4, in <module>\n    f()\n    ~^^\n'
        '  File "<turn 1>", line 2, in f\n    return 1/0\n           ~^~\nZeroDivisionError: division by zero\n',
    }, reply.raw
    assert reply.err == reply.raised["traceback"]
    first, second = run("def g():\n  raise KeyError('é')\n", "g()")
    assert '<turn 1>", line 2, in g\n    raise KeyError' in second.raised["traceback"], second.raw
    assert '<turn 2>", line 1, in <module>\n    g()\n' in second.raised["traceback"]
    reply = one("x = 1\nx = = 2\n")
    assert reply.raised["traceback"] == (
        '  File "<turn 1>", line 2\n    x = = 2\n        ^\nSyntaxError: invalid syntax\n'), reply.raw
    reply = one("return 3")
    assert "    return 3\n" in reply.raised["traceback"] and reply.raised["type"] == "SyntaxError", reply.raw
    reply = run(b'{"name":"/program/a.py"}\n1/0')[0]
    assert 'File "/program/a.py", line 1, in <module>\n    1/0\n' in reply.raised["traceback"], reply.raw
    reply = one("try:\n  1/0\nexcept Exception as e:\n  raise ValueError(2) from e")
    assert "direct cause" in reply.raised["traceback"] and reply.raised["type"] == "ValueError"
    reply = one("raise ExceptionGroup('g', [ValueError(1), KeyError(2)])")
    assert "+---------------- 2" in reply.raised["traceback"], reply.raw
    reply = one("class E(Exception):\n  def __str__(self): 1/0\nraise E")
    assert reply.raised["message"] == "<exception str() failed>" and reply.raised["type"] == "E", reply.raw
    assert one("raise KeyboardInterrupt").raised["type"] == "KeyboardInterrupt"
    assert one("import json; json.loads('{')").raised["type"] == "json.decoder.JSONDecodeError"
    assert one("raise ValueError('\\ud800')").raised["message"] == "\\ud800"
    reply = one("raise ValueError('x'*10**6)")
    assert 60000 < len(reply.raised["message"]) < 66000 and len(reply.err) < 66000
    assert one("import traceback\ntry:\n  1/0\nexcept Exception: s = traceback.format_exc()\ns").result.count("1/0") == 1
    assert "source" in one("import inspect\ndef source(): pass\ninspect.getsource(source)").result


def test_leaving():
    for source, code in [("exit()", 0), ("import sys; sys.exit(3)", 3), ("quit(True)", 1), ("raise SystemExit(-1)", 2**32 - 1)]:
        assert one(source).answer == {"exit": code}, source
    reply = one("exit('bye')")
    assert reply.answer == {"exit": 1} and reply.err == "bye\n"


def test_running_out():
    reply = one("def f(): f()\nf()")
    assert reply.raised["type"] == "RecursionError" and "repeated 993 more times]" in reply.err, reply.raw
    reply = one("def f(): g()\ndef g(): f()\nf()")
    assert reply.raised["type"] == "RecursionError" and reply.err.count("\n") < 700, reply.raw
    assert one("import json; json.loads('['*100000)").raised["type"] == "RecursionError"
    for source in (
        "def f(): f()\nf()", "def f(n): return [f(n+1)]\nf(0)", "class A:\n def __repr__(s): return repr(A())\nrepr(A())",
        "f=lambda n: list(map(f,[n]))\nf(0)", "class A:\n def __getattr__(s,n): return getattr(s,n+'a')\nA().x",
        "def g(): yield from g()\nlist(g())",
        # Raising inside n handlers takes CPython n² steps, so not to the full depth.
        "sys.setrecursionlimit(3000)\ndef f():\n try: f()\n finally: f2()\ndef f2(): 1/0\nf()",
    ):
        reply = one("import sys; sys.setrecursionlimit(10**8)\n" + source)
        assert reply.raised and reply.raised["type"] in ("RecursionError", "MemoryError", "ZeroDivisionError"), (source, reply.raw)
    first, second = run("x=[]\nwhile True: x.append(bytearray(100000))", "x.clear(); 1+1")
    assert first.raised["type"] == "MemoryError" and second.result == 2, (first.raw, second.raw)
    small = ("--limit", "memory_bytes=67108864")
    first, second = run("x=[]\nwhile True: x.append([[]])", "del x; 1+1", options=small)
    assert first.raised["type"] == "MemoryError" and second.result == 2, (first.raw, second.raw)


def test_streams():
    a, b, c, d, e = run("print(1); import sys; sys.stdout.write('a\\ud83d'); sys.stderr.write('e')" .replace("\\ud83d", "é"),
                        "import io; sys.stdout = io.StringIO(); print('lost')", "sys.stdout.close()", "print(2)",
                        "sys.stdout.detach(); sys.stdin.close(); sys.stderr.close()")[:5]
    assert (a.out, a.err, b.out, d.out) == ("1\naé", "e", "", "2\n"), (a.out, b.out, c.out, d.out)
    a, b = run("import sys\nsys.stdout.buffer.write(b'x'); print('y', flush=True); (sys.stdout.encoding, sys.stdout.isatty(), sys.stdout.errors, sys.stderr.errors, sys.stdout.fileno())", "print('z')")
    assert a.out.endswith("y\n") and "x" in a.out and a.result == ["utf-8", False, "surrogateescape", "backslashreplace", 1], a.raw
    a = run("import io, contextlib\nwith contextlib.redirect_stdout(io.StringIO()) as s: print(5)\ns.getvalue()")[0]
    assert a.result == "5\n" and a.out == ""
    with open("/tmp/sandcell-stdin", "w") as file:
        file.write("ab\ncd\n")
    a, b = run("input('? ')", "import sys; sys.stdin.read()", options=("--stdin", "/tmp/sandcell-stdin"))
    assert a.result == "ab" and a.out == "? " and b.result == "", (a.raw, b.raw)
    os.remove("/tmp/sandcell-stdin")
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


def test_rich_values_within_result_bytes():
    reply = one("class H:\n  def _repr_html_(self): return '<b>é'\n  def _repr_png_(self): return b'p'\n  def __repr__(self): return 'H!'\nH()")
    assert reply.repr == "H!" and sorted(a["mime"] for a in reply.artifacts) == ["image/png", "text/html"], reply.raw
    for source in ("'x'*10**6", "b'x'*10**6", "['\\x00'*1000]*500", "class H:\n  def _repr_html_(self): return 'h'*10**6\nH()", "raise ValueError('\\x00'*10**6)"):
        reply = run(b'{"result_bytes":5000}\n' + source.encode())[0]
        assert len(reply.raw) <= 5000 and reply.truncated is True, (source, len(reply.raw))
    reply = one("import pandas as pd\npd.DataFrame({'a':[1]})", warm="import pandas")
    assert reply.artifacts[0]["mime"] == "text/html" and reply.repr == "   a\n0  1", reply.raw
    assert one("import numpy\nnumpy.int64(3)", warm="import numpy").repr == "np.int64(3)"
    if MPL_DATA is None:
        print("    matplotlib is not tried: give --mpl-data, the folder unpacked from mpl-data.zip")
        return
    shown = ("--mount", MPL_DATA + ":/usr/local/lib/python315.zip/matplotlib/mpl-data")
    reply = one("import matplotlib.pyplot as plt\nplt.plot([1,2]); plt.figure(); plt.gcf()", options=shown)
    assert [a["name"] for a in reply.artifacts] == ["figure-1", "figure-2"], reply.raw[:300]
    assert base64.b64decode(reply.artifacts[0]["bytes_base64"])[:4] == b"\x89PNG"


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


def report():
    print("fuel of one turn")
    for request in (b"", b"\npass", b"\nx=41", b"\nprint(42)", b"\nx=41; print(x+1)", b"\nx=41\nprint(x+1)", b"\n41+1",
                    b"\n'a'", b"\nx=[1,2,3]\nx", b"\ndef f(x):\n    return x + 1\n\nprint(f(3))\n",
                    b"\nfor i in range(3):\n    print(i)", b"q"):
        print(f"{fuel(request) / 1000:9.1f}k  {request!r}")
    for warm in ("", "import random", "import numpy", "import pandas, random"):
        cost = fuel(b"f\npass", warm) - fuel(b"\npass", warm)
        print(f"{cost / 1000:9.1f}k  new seeds of a fork, warm-up {warm!r}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--sandcell", default="sandcell")
    parser.add_argument("--mpl-data")
    parser.add_argument("words", nargs="*")
    chosen = parser.parse_args()
    SANDCELL, MPL_DATA = chosen.sandcell, chosen.mpl_data
    failed = 0
    for name, test in list(globals().items()):
        if name.startswith("test_") and (not chosen.words or any(word in name for word in chosen.words)):
            try:
                test()
                print("ok  ", name)
            except AssertionError as error:
                failed += 1
                line = error.__traceback__.tb_next or error.__traceback__
                print("FAIL", name, "line", line.tb_lineno, str(error)[:1500])
    if not chosen.words or "fuel" in chosen.words:
        report()
    sys.exit(failed != 0)
