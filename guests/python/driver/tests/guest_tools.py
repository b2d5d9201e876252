#!/usr/bin/env python3
"""Tries tools in turns of the real guest, with a pretended host inside it.

python3 guest_tools.py [--sandcell COMMAND] [WORD…]     only the tests whose names hold a WORD
"""
import argparse
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import cases  # noqa: E402
import test_driver  # noqa: E402

# Runs between `install` and `freeze`. Frames show on standard output as what they ask for.
WARM = """
sys.path.insert(0, "/drv/tests")
import cases, pretended
class Loud(pretended.Host):
    shown = False
    def __call__(self, frame):
        if self.shown:
            os.write(1, b"<" + frame.partition(b'"op":"')[2].partition(b'"')[0] + b">")
        return super().__call__(frame)
host = m.pretended = Loud(*cases.TOOLS, **cases.FUNCTIONS)
m._door = host
import inspect
del sys.path[0]
"""
SHOWN = WARM + "host.shown = True\n"


def run(*turns, warm=SHOWN):
    return test_driver.run(*turns, warm=warm)


def test_the_programs_print_what_they_should():
    for name, code, expected in cases.CASES:
        reply = run(code, warm=WARM)[0]
        assert (reply.out, reply.err) == (expected, ""), (name, reply.out, reply.err)


def test_nothing_is_sent_before_a_tool_is_named():
    replies = run("import host.tools; from host import tools, ToolError; import host", "1+1", b"f\nx=1", b"F{}\nx", b"q",
                  "import doctest, pickle, unittest, warnings; warnings.warn('x')")
    assert not any("<" in reply.out for reply in replies), [reply.out for reply in replies]


def test_output_and_frames_keep_their_order():
    reply = run("import sys\nfrom host import tools\nprint('a', end='')\ntools.price('egg')\nprint('b', end='')\ntools.map(tools.echo, [1])\nprint('c')")[0]
    assert reply.out == "a<list><call>b<batch>c\n", reply.out


def test_a_closed_standard_output_does_not_stop_a_call():
    replies = run("import sys\nfrom host import tools\nsys.stdout.close()\ntools.price('egg')", "print(tools.price('egg'))")
    assert (replies[0].result, replies[1].out) == (0.5, "<call>0.5\n"), [(r.raw, r.out) for r in replies]


def test_globals_are_bound_on_request_and_hide_nothing():
    replies = run("echo = 1", b'{"globals": true}\nprice("egg")', "echo", "fail('denied')", "price = 2", b'{"tools": true}\nprice',
                  "search")
    assert replies[1].result == 0.5 and replies[2].result == 1 and replies[5].result == 2, [r.raw for r in replies]
    assert replies[3].raised["type"] == "host.ToolDenied", replies[3].raw
    assert replies[6].raised["type"] == "NameError", replies[6].raw


def test_a_fork_with_code_of_the_user_lists_again():
    replies = run("from host import tools\ntools.price('egg')", "tools.price('egg')", b"F\ntools.price('egg')",
                  b'f{"tools": true}\ntools.price("egg")', b'{"tools": true, "globals": true}\nprice("egg")')
    frames = [reply.out for reply in replies]
    assert frames == ["<list><call>", "<call>", "<list><call>", "<list><call>", "<list><call>"], frames
    assert all(reply.result == 0.5 for reply in replies)


def test_the_end_of_a_program_may_call_tools():
    source = """
import atexit
from host import tools
class A:
    def __del__(self): print("del", price("egg"))
atexit.register(lambda: print("bye", tools.price("apple")))
a = A()
a.self = a
"""
    replies = run(b'{"globals": true}\n' + source.encode(), b"q", warm=WARM)
    assert replies[1].out == "bye 1.25\ndel 0.5\n", (replies[1].out, replies[1].err)


def test_tracebacks_end_where_the_user_called():
    for source in ("from host import tools\ntools.fail('denied')", "from host import tools\ntools.absent",
                   "from host import tools\nawait tools.aio.fail('denied')", "from host import tools\ntools.map(tools.fail, ['denied'])"):
        reply = run(source, warm=WARM)[0]
        assert "<sandcell>" not in reply.err and 'line 2, in <module>' in reply.err, reply.err


def test_help_and_the_value_of_a_turn():
    replies = run("from host import tools\nhelp(tools)", "help(tools.price)", "tools", "tools.price", warm=WARM)
    assert "price(symbol: str, currency: str = 'eur') -> float" in replies[0].out and "tools.search" in replies[0].out
    assert "symbol: What it is called." in replies[1].out, replies[1].out
    assert replies[2].repr == "<host.tools: 4 tools: echo, fail, price, search>", replies[2].raw


def test_numbers_of_numpy_are_numbers_and_tables_tell_the_remedy():
    source = """
import numpy as np, pandas as pd
from host import tools
print(tools.echo([np.int64(3), np.float32(.5), np.float64(2), np.bool_(True), np.array(5), np.str_("x")]))
for value in (np.zeros(2), pd.DataFrame(), pd.Series([1]), pd.Timestamp(0), np.complex128(1), np.datetime64("2020"), pd.NA, np.nan):
    try:
        print(tools.echo(value))
    except TypeError as error:
        print(error)
"""
    reply = run(source, warm=WARM)[0]
    lines = reply.out.splitlines()
    assert lines[0] == "[3, 0.5, 2.0, True, 5, 'x']", reply.out
    for line, words in zip(lines[1:], (".tolist()", '.to_dict("records")', ".tolist()", ".isoformat()", "imaginary", "str(…)", "None", "finite"), strict=True):
        assert words in line, (line, words)


def test_a_hundred_thousand_calls_leave_nothing():
    source = """
import _sandcell, gc
from host import tools
price = tools.price
def door(frame):
    return b'{"v":1,"id":%b,"ok":true,"value":{"of":[0.5]}}' % frame[12 : frame.index(b",", 12)]
_sandcell._door = door
price("egg")
gc.collect()
before = len(gc.get_objects())
for number in range(100_000):
    price("egg")
gc.collect()
print(len(gc.get_objects()) - before)
"""
    reply = run(source, warm=WARM)[0]
    assert abs(int(reply.out)) < 5, (reply.out, reply.err)


def report():
    """What a call costs without the host, beside what the same JSON costs when it is made and read by itself."""
    define = """
import json
from host import tools
def door(frame):
    return b'{"v":1,"id":%b,"ok":true,"value":0.5}' % frame[12 : frame.index(b",", 12)]
frame = b'{"v":1,"id":9,"op":"call","tool":"price","args":{}}'
question = {"v": 1, "id": 9, "op": "call", "tool": "price", "args": {"symbol": "egg"}}
answer = '{"v":1,"id":9,"ok":true,"value":0.5}'
def repeat(count):
    for _ in range(count):
        WORK
import _sandcell
price = tools.price
_sandcell._door = door
repeat(COUNT)
"""

    def cost(work):
        turns = [define.replace("WORK", work).replace("COUNT", str(count)) for count in (1000, 3000)]
        used = [test_driver.outcome([turn], WARM)["usage"]["fuel"] for turn in turns]
        return (used[1] - used[0]) / 2000

    print("fuel of one call, without the host")
    nothing, door = cost("pass"), cost("door(frame)")
    for work in ("price('egg')", "price(symbol='egg')", "price('egg', currency='usd')"):
        print(f"{(cost(work) - door) / 1000:9.1f}k  {work}")
    print(f"{(cost('json.dumps(question), json.loads(answer)') - nothing) / 1000:9.1f}k  the same JSON by json.dumps and json.loads")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--sandcell", default="sandcell")
    parser.add_argument("words", nargs="*")
    chosen = parser.parse_args()
    test_driver.SANDCELL, test_driver.MPL_DATA = chosen.sandcell, None
    failed = 0
    for name, test in list(globals().items()):
        if name.startswith("test_") and callable(test) and (not chosen.words or any(word in name for word in chosen.words)):
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
