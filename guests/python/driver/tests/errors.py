"""How turns end that do not end well."""
from guest import one, run


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
