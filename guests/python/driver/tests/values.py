"""The value of the last expression: as JSON, as text, and as pictures."""
import base64

from guest import one, run


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


def test_rich_values_within_result_bytes():
    reply = one("class H:\n  def _repr_html_(self): return '<b>é'\n  def _repr_png_(self): return b'p'\n  def __repr__(self): return 'H!'\nH()")
    assert reply.repr == "H!" and sorted(a["mime"] for a in reply.artifacts) == ["image/png", "text/html"], reply.raw
    for source in ("'x'*10**6", "b'x'*10**6", "['\\x00'*1000]*500", "class H:\n  def _repr_html_(self): return 'h'*10**6\nH()", "raise ValueError('\\x00'*10**6)"):
        reply = run(b'{"result_bytes":5000}\n' + source.encode())[0]
        assert len(reply.raw) <= 5000 and reply.truncated is True, (source, len(reply.raw))
    reply = one("import pandas as pd\npd.DataFrame({'a':[1]})", warm="import pandas")
    assert reply.artifacts[0]["mime"] == "text/html" and reply.repr == "   a\n0  1", reply.raw
    assert one("import numpy\nnumpy.int64(3)", warm="import numpy").repr == "np.int64(3)"
    reply = one("import matplotlib.pyplot as plt\nplt.plot([1,2]); plt.figure(); plt.gcf()")
    assert [a["name"] for a in reply.artifacts] == ["figure-1", "figure-2"], reply.raw[:300]
    assert base64.b64decode(reply.artifacts[0]["bytes_base64"])[:4] == b"\x89PNG"
