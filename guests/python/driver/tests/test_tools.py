#!/usr/bin/env python3
"""Tries the guest's side of tools against a pretended host, in whatever Python runs this (3.11 or later).

python3 -m unittest discover -s guests/python/driver/tests
"""
import ast
import asyncio
import base64
import contextlib
import gc
import inspect
import io
import json
import os
import pydoc
import re
import sys
import types
import unittest

import cases
from pretended import Host

DRIVER = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
FILES = ("streams", "tools_wire", "tools_schema", "tools", "tools_aio")
ALL_FILES = ("streams", "guards", "seeds", "answer", "split", *FILES[1:], "turn")

PRICE = {
    "name": "price",
    "description": "The price of one piece.\nIn euros unless asked otherwise.",
    "inputSchema": {
        "type": "object",
        "properties": {
            "currency": {"type": "string", "default": "eur"},
            "symbol": {"type": "string", "description": "What it is called."},
            "count": {"type": ["integer", "null"]},
        },
        "required": ["symbol"],
        "additionalProperties": False,
    },
    "outputSchema": {"type": "number"},
}
ECHO = {"name": "echo", "inputSchema": {"type": "object", "properties": {"value": {}}}}
LOOSE = {"name": "loose", "inputSchema": {"type": "object"}}


class Stream:
    def __init__(self, events, name):
        self.events, self.name = events, name

    def flush(self):
        self.events.append(self.name)


def source_of(file):
    with open(os.path.join(DRIVER, f"{file}.py"), encoding="utf-8") as opened:
        return opened.read()


def boot(host):
    """The driver's module, with its door to `host`."""
    for name in ("host", "host.tools"):
        sys.modules.pop(name, None)
    sys.modules["_host"] = types.SimpleNamespace(call=host)
    driver = types.ModuleType("_sandcell")
    source = "\n".join(map(source_of, FILES))
    exec(compile(source, "<sandcell>", "exec"), driver.__dict__)
    driver._main = {}
    driver._out, driver._err = Stream(host.events, "out"), Stream(host.events, "err")
    driver._install_tools()
    return driver


class Tools(unittest.TestCase):
    def setUp(self):
        self.host = Host(PRICE, ECHO, LOOSE, price=self.price, echo=lambda value=None: value, loose=lambda **all: all)
        self.driver = boot(self.host)
        from host import tools

        self.tools = tools
        import host

        self.errors = host

    def price(self, symbol, currency="eur", count=1):
        if symbol == "pear":
            raise cases.Failure("denied", "no pears")
        return 1.25

    def sent(self):
        return [frame for frame in self.host.frames if frame["op"] != "list"]

    def test_importing_sends_nothing_and_names_of_modules_send_nothing(self):
        import host
        import host.tools

        self.assertIs(host.tools, self.tools)
        for name in ("__file__", "__wrapped__", "_repr_html_", "__warningregistry__", "__path__"):
            self.assertFalse(hasattr(self.tools, name), name)
        self.assertEqual(self.host.frames, [])

    def test_arguments_by_position_and_name_send_only_what_was_given(self):
        self.assertEqual(self.tools.price("apple"), 1.25)
        self.tools.price("apple", "usd")
        self.tools.price("apple", count=2)
        self.tools.price(symbol="apple")
        self.assertEqual(
            [frame["args"] for frame in self.sent()],
            [{"symbol": "apple"}, {"symbol": "apple", "currency": "usd"}, {"symbol": "apple", "count": 2}]
            + [{"symbol": "apple"}],
        )
        self.assertEqual(sum(frame["op"] == "list" for frame in self.host.frames), 1)

    def test_wrong_numbers_of_arguments_are_told_without_a_frame(self):
        for call, words in [
            (lambda: self.tools.price(1, 2, 3, 4), "takes 3 positional arguments but 4 were given"),
            (lambda: self.tools.price("a", symbol="b"), "multiple values for argument 'symbol'"),
            (lambda: self.tools.loose(1), "takes 0 positional arguments but 1 were given"),
        ]:
            with self.assertRaisesRegex(TypeError, words) as caught:
                call()
            self.assertIs(type(caught.exception), self.errors.ToolArgumentError)
        self.assertEqual(self.sent(), [])

    def test_the_ways_to_import(self):
        scope = {}
        exec("from host.tools import price\nfrom host.tools import *", scope)
        self.assertEqual({name for name in scope if name[0] != "_"}, {"price", "echo", "loose"})
        self.assertEqual(scope["price"]("apple"), 1.25)
        with self.assertRaisesRegex(ImportError, "prise"):
            exec("from host.tools import prise", {})

    def test_an_unknown_name_tells_what_is_close_and_how_to_search(self):
        with self.assertRaises(AttributeError) as caught:
            self.tools.prise
        self.assertEqual(
            str(caught.exception),
            "there is no tool 'prise'. Close to it: price. Find tools with tools.search(\"words\")",
        )
        with self.assertRaisesRegex(AttributeError, "There are: echo, loose, price"):
            self.tools.zzzzzz

    def test_what_a_tool_says_of_itself(self):
        price = self.tools.price
        self.assertEqual((price.__name__, price.__qualname__, price.__module__), ("price", "price", "host.tools"))
        self.assertEqual(
            price.__doc__,
            "The price of one piece.\nIn euros unless asked otherwise.\n\nArgs:\n    symbol: What it is called.",
        )
        signature = inspect.signature(price)
        self.assertIsInstance(price.__signature__, inspect.Signature)
        shown = str(signature).replace("Optional[int]", "int | None").replace("typing.", "")
        self.assertEqual(shown, "(symbol: str, currency: str = 'eur', count: int | None = ...) -> float")
        self.assertEqual(signature.bind("apple").arguments, {"symbol": "apple"})
        self.assertEqual(str(signature.replace(return_annotation=int))[-6:], "-> int")
        self.assertEqual(str(inspect.signature(self.tools.loose)), "(**arguments)")
        text = pydoc.plain(pydoc.render_doc(self.tools))
        for words in ("price(symbol: str", "The price of one piece.", "tools.search", "echo(value"):
            self.assertIn(words, text)
        self.assertIn("symbol: What it is called.", pydoc.plain(pydoc.render_doc(price)))
        self.assertEqual(repr(self.tools), "<host.tools: 3 tools: echo, loose, price>")
        self.assertLessEqual({"price", "echo", "map", "aio", "search", "describe"}, set(dir(self.tools)))
        self.assertEqual(price.descriptor, PRICE)

    def test_annotations_follow_the_schema(self):
        def shown(schema, **more):
            return str(self.driver._annotation({**schema, **more}, schema, 0)).replace("typing.", "")

        self.assertEqual(shown({"enum": ["a", "b"]}), "Literal['a', 'b']")
        self.assertEqual(shown({"type": "array", "items": {"type": "integer"}}), "list[int]")
        self.assertEqual(shown({"type": "object", "additionalProperties": {"type": "number"}}), "dict[str, float]")
        self.assertEqual(shown({"type": "string", "contentEncoding": "base64"}), "<class 'bytes'>")
        for strange in ({"type": "what"}, {"enum": []}, {"anyOf": []}, {"$ref": 1}, {"$ref": "#/$defs/x"}, {"type": 3}):
            self.assertEqual(shown(strange), "Any", strange)

    def test_names_that_python_cannot_write(self):
        schema = {"properties": {"from": {}, "to": {}, "content-type": {}}, "required": ["from"]}
        self.host.tools.append({"name": "get-mail", "inputSchema": schema})
        self.host.functions["get-mail"] = lambda **all: all
        mail = self.tools["get-mail"]
        self.assertEqual(mail("a", "b", **{"content-type": "c"}), {"from": "a", "to": "b", "content-type": "c"})
        self.assertEqual(str(inspect.signature(mail)), "(*, to: Any = ..., **arguments)")
        self.assertIn("get-mail", self.tools)
        self.assertEqual(list(self.tools), ["echo", "get-mail", "loose", "price"])
        with self.assertRaises(KeyError):
            self.tools["absent"]

    def test_values_arrive_as_they_were(self):
        for value in [
            None, True, False, 0, -1, 2**64 - 1, -(2**63), 1.5, -0.0, 1e300, "", "ä\u2028\0\"\\", [], {}, [1, "a", None],
            {"a": {"b": [{"c": []}]}}, [[1, 2.5], [True, "x"]], {"": 0},
        ]:
            back = self.tools.echo(value)
            self.assertEqual((back, type(back)), (value, type(value)))
        self.assertEqual(self.tools.echo((1, (2,))), [1, [2]])

    def test_kinds_of_the_user_arrive_as_what_they_are(self):
        import collections
        import enum

        class Text(str):
            def __str__(self):
                return "another"

        class Number(enum.IntEnum):
            ONE = 1

        pair = collections.namedtuple("pair", "a b")
        ordered = collections.OrderedDict(a=Text("x"))
        self.assertEqual(self.tools.echo([Text("x"), Number.ONE, pair(1, 2), ordered]), ["x", 1, [1, 2], {"a": "x"}])

    def test_bytes_travel_at_any_depth(self):
        self.host.functions["echo"] = lambda value: value
        value = {"a": [b"", b"\0\xff", {"b": bytearray(b"x")}], "c": memoryview(b"yz")[::-1]}
        self.assertEqual(self.tools.echo(value), {"a": [b"", b"\0\xff", {"b": b"x"}], "c": b"zy"})
        self.assertEqual(self.sent()[0]["args"]["value"]["a"][1], {"$bytes": base64.b64encode(b"\0\xff").decode()})
        self.assertEqual(self.tools.echo('"$bytes"'), '"$bytes"')

    def test_what_has_no_json_form_is_refused_with_place_and_remedy_and_no_frame(self):
        cycle = []
        cycle.append(cycle)
        deep = []
        for _ in range(60):
            deep = [deep]
        shape = types.SimpleNamespace()
        frame = type("DataFrame", (), {"to_records": 1, "to_dict": 1})()
        array = type("ndarray", (), {"tolist": 1, "__module__": "numpy", "ndim": 1})()
        for value, words in [
            (float("nan"), "argument 'value' is nan; only finite numbers can be passed"),
            ([1, float("-inf")], r"argument 'value'\[1\] is -inf"),
            ({"a": [2**64]}, r"argument 'value'\['a'\]\[0\] is an integer beyond 64 bits"),
            ([0, -(2**63) - 1, "a"], r"\[1\] is an integer beyond"),
            ("\ud800", "lone surrogate"), ({"\ud800": 1}, "lone surrogate"), ([{"a": "\udfff"}], "lone surrogate"),
            ({1: 2}, "has a key of type int"), ([{"a": 1, None: 2}], r"'value'\[0\] has a key of type NoneType"),
            ({"$bytes": "eA=="}, "would be read as bytes"), (cycle, "nests deeper than 60 levels, or contains itself"),
            (deep, "nests deeper than 60 levels"), ({"x": {1, 2}}, r"type set, .*`sorted\(…\)` or `list\(…\)`"),
            (shape, "type SimpleNamespace, which has no JSON form$"), (frame, r'`.to_dict\("records"\)`'),
            (array, r"`.tolist\(\)`"), ((n for n in ()), r"generator, .*`list\(…\)`"), (1j, "real and imaginary"),
        ]:
            with self.assertRaisesRegex(TypeError, words) as caught:
                self.tools.echo(value)
            self.assertEqual((caught.exception.kind, type(caught.exception).__name__), ("invalid_arguments", "ToolArgumentError"))
            self.assertLess(len(str(caught.exception)), 300)
        self.assertEqual(self.sent(), [])
        self.assertEqual(self.tools.echo(deep[0]), deep[0])

    def test_every_kind_of_error_has_its_class(self):
        for kind, name, base in [
            ("tool_error", "ToolError", Exception), ("denied", "ToolDenied", PermissionError),
            ("invalid_arguments", "ToolArgumentError", TypeError), ("unknown_tool", "ToolArgumentError", TypeError),
            ("timeout", "ToolTimeout", TimeoutError), ("cancelled", "ToolCancelled", Exception),
            ("too_large", "ToolTooLarge", Exception), ("budget_exceeded", "ToolBudgetExceeded", Exception),
            ("protocol", "ToolProtocolError", Exception), ("of_tomorrow", "ToolError", Exception),
        ]:
            def fail(value, kind=kind):
                raise cases.Failure(kind, "why")

            self.host.functions["echo"] = fail
            with self.assertRaises(base) as caught:
                self.tools.echo(1)
            error = caught.exception
            self.assertIs(type(error), getattr(self.errors, name))
            self.assertIsInstance(error, self.errors.ToolError)
            self.assertEqual((error.kind, str(error), error.args), (kind, "why", ("why",)))

    def test_malformed_answers_are_protocol_errors(self):
        price = self.tools.price
        for raw in [
            b"", b"{", b"[]", b"null", b"\xff", b"{}", lambda f: b'{"v":1,"id":%d,"ok":true}' % f["id"],
            lambda f: b'{"v":1,"id":%d,"ok":true,"value":NaN}' % f["id"],
            lambda f: b'{"v":1,"id":%d,"ok":true,"value":1}x' % f["id"],
            lambda f: b'{"v":1,"id":%d,"ok":true,"value":' % f["id"],
            lambda f: b'{"v":1,"id":%d,"ok":true,"value":1}' % (f["id"] + 1),
            lambda f: b'{"v":2,"id":%d,"ok":true,"value":1}' % f["id"],
            lambda f: b'{"v":1,"id":%d,"ok":1,"value":1}' % f["id"],
            lambda f: b'{"v":1,"id":%d,"ok":false}' % f["id"],
            lambda f: b'{"v":1,"id":%d,"ok":false,"error":{"kind":1,"message":""}}' % f["id"],
            lambda f: b'{"v":1,"id":%d,"ok":true,"value":{"$bytes":"!"}}' % f["id"],
            lambda f: b'{"v":1,"id":%d,"ok":true,"value":{"$bytes":"","a":1}}' % f["id"],
            lambda f: b'{"v":1,"ok":false,"error":{"kind":"denied","message":"of no frame"}}',
            ConnectionRefusedError("no host"), OSError("fault"),
        ]:
            self.host.raw = raw
            with self.assertRaises(self.errors.ToolProtocolError):
                price("apple")
        self.host.raw = lambda f: b' {"ok" : true, "value" : {"a": {"$bytes": "eA=="}}, "id":%d, "v":1 } ' % f["id"]
        self.host.raw = lambda f: b'{"ok" : true, "value" : {"a": {"$bytes": "eA=="}}, "id":%d, "v":1}' % f["id"]
        self.assertEqual(price("apple"), {"a": b"x"})

    def test_a_frame_that_the_host_could_not_read_is_told_as_it_says(self):
        for told in (b"null", b"%d"):
            self.host.raw = lambda f: b'{"v":1,"id":%b,"ok":false,"error":{"kind":"protocol","message":"not so"}}' % (
                told.replace(b"%d", b"%d" % f["id"])
            )
            with self.assertRaisesRegex(self.errors.ToolProtocolError, "not so"):
                self.errors.tools_search("x")

    def test_a_malformed_list_is_a_protocol_error_and_is_asked_for_again(self):
        for tools in (b"1", b"[1]", b'[{"name":1}]', b'[{"name":"a"},{"name":"a"}]'):
            self.host.raw = lambda f: b'{"v":1,"id":%d,"ok":true,"tools":%b}' % (f["id"], tools)
            with self.assertRaises(self.errors.ToolProtocolError):
                self.tools.price
        self.host.raw = None
        self.assertEqual(self.tools.price("apple"), 1.25)

    def test_strange_schemas_make_usable_functions(self):
        for schema in (None, 1, [], {}, {"properties": 1}, {"properties": {"a": True}, "required": 7}):
            self.host.tools[:] = [{"name": "loose", "inputSchema": schema, "description": 7}]
            self.driver._forget_tools()
            self.assertEqual(self.tools.loose(b=1), {"b": 1})
            str(inspect.signature(self.tools.loose))

    def test_without_a_host_there_are_no_tools(self):
        self.host.raw = ConnectionRefusedError("no host is bound to the door")
        with self.assertRaisesRegex(AttributeError, "there is no tool 'price': this sandbox has no tools"):
            self.tools.price
        self.assertEqual(repr(self.tools), "<host.tools: no tools>")
        with self.assertRaisesRegex(self.errors.ToolProtocolError, "this sandbox has no tools"):
            self.tools.search("price")
        self.host.raw = None
        self.assertEqual(self.tools.price("apple"), 1.25)

    def test_what_was_printed_goes_out_before_each_frame(self):
        self.tools.price("apple")
        self.assertEqual(self.host.events, ["out", "err", "frame"] * 2)

    def test_streams_that_cannot_be_flushed_do_not_stop_a_call(self):
        closed = io.StringIO()
        closed.close()
        self.driver._out = closed
        self.assertEqual(self.tools.price("apple"), 1.25)

    def test_map_sends_batches_and_keeps_the_order(self):
        self.assertEqual(self.tools.map(self.tools.echo, []), [])
        self.assertEqual(self.sent(), [])
        self.assertEqual(self.tools.map(self.tools.echo, range(2500)), list(range(2500)))
        self.assertEqual([len(frame["calls"]) for frame in self.sent()], [1000, 1000, 500])
        self.tools.map(self.tools.price, ["a", "b"], ("eur", "usd", "unused"))
        self.assertEqual(self.sent()[-1]["calls"][1], {"tool": "price", "args": {"symbol": "b", "currency": "usd"}})

    def test_map_splits_large_arguments(self):
        values = ["x" * 300_000] * 3
        self.assertEqual(self.tools.map(self.tools.echo, values), values)
        self.assertEqual([len(frame["calls"]) for frame in self.sent()], [1, 1, 1])

    def test_map_raises_the_first_error_or_returns_all(self):
        with self.assertRaisesRegex(PermissionError, "no pears"):
            self.tools.map(self.tools.price, ["apple", "pear", "pear"])
        values = self.tools.map(self.tools.price, ["apple", "pear", {1: 2}, "apple"], return_exceptions=True)
        self.assertEqual([values[0], values[3]], [1.25, 1.25])
        self.assertEqual([error.kind for error in values[1:3]], ["denied", "invalid_arguments"])
        with self.assertRaisesRegex(TypeError, "takes one of the tools first"):
            self.tools.map(len, ["a"])
        with self.assertRaisesRegex(TypeError, "at least one iterable"):
            self.tools.map(self.tools.price)

    def test_malformed_batches_are_protocol_errors(self):
        echo = self.tools.echo
        for results in (b"1", b"[]", b"[1]", b'[{"ok":true,"value":1},{"ok":true,"value":1}]'):
            self.host.raw = lambda f: b'{"v":2,"id":%d,"ok":true,"results":%b}' % (f["id"], results)
            with self.assertRaises(self.errors.ToolProtocolError):
                self.tools.map(echo, [1])

    def test_gathered_calls_go_out_together(self):
        async def main():
            aio = self.tools.aio
            return await asyncio.gather(*(aio.price(symbol) for symbol in ("a", "b")), aio.echo(value=[b"x"]))

        self.assertEqual(asyncio.run(main()), [1.25, 1.25, [b"x"]])
        self.assertEqual([len(frame["calls"]) for frame in self.sent()], [3])

    def test_tasks_share_batches_step_by_step(self):
        async def work(number):
            return await self.tools.aio.echo(await self.tools.aio.echo(number))

        async def main():
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(work(number)) for number in range(5)]
            return [task.result() for task in tasks]

        self.assertEqual(asyncio.run(main()), [0, 1, 2, 3, 4])
        self.assertEqual([len(frame["calls"]) for frame in self.sent()], [5, 5])
        self.assertEqual(asyncio.run(self.tools.aio.echo("again")), "again")

    def test_more_than_a_thousand_gathered_calls(self):
        async def main():
            return await asyncio.gather(*(self.tools.aio.echo(number) for number in range(1001)))

        self.assertEqual(asyncio.run(main()), list(range(1001)))
        self.assertEqual([len(frame["calls"]) for frame in self.sent()], [1000, 1])

    def test_cancelled_tasks_are_left_out(self):
        async def main():
            first = asyncio.create_task(self.tools.aio.echo(1))
            second = asyncio.create_task(self.tools.aio.echo(2))
            third = asyncio.create_task(self.tools.aio.echo(3))
            await asyncio.sleep(0)  # all three have joined the batch, which goes out in the next turn of the loop
            second.cancel()
            third.cancel()
            return await asyncio.gather(first, second, third, return_exceptions=True)

        first, second, third = asyncio.run(main())
        self.assertEqual(first, 1)
        self.assertIsInstance(second, asyncio.CancelledError)
        sent = [call["args"]["value"] for frame in self.sent() for call in frame["calls"]]
        self.assertEqual(sent, [1])

    def test_each_awaiter_gets_an_error_of_its_own(self):
        async def main():
            calls = [self.tools.aio.price(symbol) for symbol in ("apple", "pear", "pear")]
            return await asyncio.gather(*calls, return_exceptions=True)

        value, one, other = asyncio.run(main())
        self.assertEqual((value, one.kind, other.kind), (1.25, "denied", "denied"))
        self.assertIsNot(one, other)
        aio = self.tools.aio
        aio.price, aio.echo
        self.host.raw = OSError("fault")
        value, one, other = asyncio.run(main())
        self.assertEqual({type(error).__name__ for error in (value, one, other)}, {"ToolProtocolError"})
        self.assertIsNot(one, other)

    def test_a_loop_that_ended_leaves_nothing_for_the_next(self):
        async def abandon():
            asyncio.get_running_loop().create_task(self.tools.aio.echo(1))
            await asyncio.sleep(0)

        asyncio.run(abandon())
        self.assertEqual(asyncio.run(self.tools.aio.echo(2)), 2)
        values = [call["args"]["value"] for frame in self.sent() for call in frame["calls"]]
        self.assertEqual(values[-1], 2)
        self.assertIsNone(self.driver._open_batch)

    def test_aio_functions_say_what_they_are(self):
        price = self.tools.aio.price
        self.assertTrue(inspect.iscoroutinefunction(price))
        self.assertIs(price, self.tools.aio.price)
        self.assertEqual(list(inspect.signature(price).parameters), ["symbol", "currency", "count"])
        self.assertIn("price", dir(self.tools.aio))
        with self.assertRaisesRegex(AttributeError, "Close to it: price"):
            self.tools.aio.pricy

    def test_search_and_describe(self):
        self.assertEqual(self.tools.search("eggs", limit=3), ["search", {"query": "eggs", "limit": 3}])
        self.assertEqual(self.tools.describe("price", self.tools.echo), "python: price, echo")
        self.assertEqual(self.tools.describe(), "python: echo, loose, price")
        texts = self.tools.describe(*["echo"] * 1001).splitlines()
        self.assertEqual([len(text.split(", ")) for text in texts], [1000, 1])

    def test_a_tool_wins_over_a_helper_of_its_name(self):
        self.assertEqual(self.tools.search("x")[0], "search")
        self.host.tools.append({"name": "search", "inputSchema": {"type": "object", "properties": {"q": {}}}})
        self.host.functions["search"] = lambda q: "the tool"
        self.driver._forget_tools()
        self.assertEqual(self.tools.search("x"), "the tool")
        self.assertEqual(self.errors.tools_search("x")[0], "search")
        for name in ("aio", "map", "describe"):
            self.assertIs(getattr(self.errors, f"tools_{name}"), getattr(self.tools, name))
        with self.assertRaisesRegex(AttributeError, "host.tools_search"):
            self.tools.absent

    def test_forgotten_tools_are_listed_again(self):
        old = self.tools.price
        self.tools.aio.price
        self.host.tools[:] = [ECHO]
        self.tools.price
        self.driver._forget_tools()
        for place in (self.tools, self.tools.aio):
            with self.assertRaises(AttributeError):
                place.price
        self.assertEqual(old("apple"), 1.25)  # whoever kept the function may still ask
        self.assertNotIn("price", self.tools.__dict__)

    def test_globals_hide_nothing_and_go_with_the_tools(self):
        main = self.driver._main
        main["echo"] = "the user's"
        self.host.tools += [{"name": name} for name in ("print", "class", "a-b", "loop")]
        self.driver._bind_tools()
        self.assertEqual(set(main), {"echo", "price", "loose", "loop"})
        self.assertIs(main["price"], self.tools.price)
        main["loop"] = "the user's too"
        self.driver._forget_tools()
        self.assertEqual(main, {"echo": "the user's", "loop": "the user's too"})

    def test_calls_from_finalisers_and_from_the_reading_of_arguments(self):
        echo, seen = self.tools.echo, []

        class Asks(dict):
            @property
            def __class__(self):
                seen.append(echo("inside"))
                return dict

        class Goes:
            def __init__(self):
                self.me = self

            def __del__(self):
                seen.append(echo("gone"))

        self.assertEqual(echo([Asks(a=1), 2]), [{"a": 1}, 2])
        Goes()
        gc.collect()
        self.assertEqual(self.tools.map(echo, (echo(number) for number in range(3))), [0, 1, 2])
        self.assertEqual(seen[-1], "gone")
        self.assertTrue(set(seen[:-1]) <= {"inside"})
        numbers = [frame["id"] for frame in self.host.frames]
        self.assertEqual(len(set(numbers)), len(numbers))

    def test_the_quick_look_and_the_thorough_one_agree(self):
        import random

        chance = random.Random(7)
        scalars = [None, True, 0, 2**64 - 1, 2**64, -(2**63), -(2**63) - 1, 0.5, float("inf"), "x", "\ud800", b"x", 1j]

        def make(depth):
            kind = chance.randrange(8 if depth else 3)
            if kind < 5:
                return chance.choice(scalars[:8] if chance.random() < 0.97 else scalars)
            if kind == 5:
                return {chance.choice(("a", "b", "c", "$bytes" if depth == 1 else "d")): make(depth - 1) for _ in range(3)}
            return (list, tuple)[kind - 6](make(depth - 1) for _ in range(3))

        def listed(value):
            if type(value) is dict:
                return {key: listed(item) for key, item in value.items()}
            return [listed(item) for item in value] if type(value) in (list, tuple) else value

        sent = refused = 0
        for _ in range(20_000):
            value = {"a": make(6)}
            try:
                form = {"a": self.driver._json_form(value["a"], 60, ("a",))}
            except self.errors.ToolArgumentError as error:
                refused += 1
                with self.assertRaises(self.errors.ToolArgumentError) as caught:
                    self.driver._arguments_json(value)
                self.assertEqual(str(caught.exception), str(error))
                continue
            sent += 1
            written = self.driver._arguments_json(value)
            self.assertEqual(json.loads(written), listed(form))
        self.assertGreater(min(sent, refused), 500)

    def test_practice_leaves_nothing_behind(self):
        self.driver._practise_tools()
        self.assertEqual(self.host.frames, [])
        self.assertEqual((self.driver._listed, self.driver._made), (None, {}))
        self.assertEqual(self.tools.price("apple"), 1.25)

    def test_the_programs_print_what_they_should(self):
        flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
        for name, code, expected in cases.CASES:
            with self.subTest(name):
                boot(Host(*cases.TOOLS, **cases.FUNCTIONS))
                printed = io.StringIO()
                with contextlib.redirect_stdout(printed):
                    program = compile(code, name, "exec", flags)
                    scope = {"__name__": "__main__"}
                    if program.co_flags & inspect.CO_COROUTINE:
                        asyncio.run(eval(program, scope))
                    else:
                        exec(program, scope)
                self.assertEqual(printed.getvalue(), expected)

    def test_no_two_files_of_the_driver_define_one_name(self):
        owner = {}
        for file in ALL_FILES:
            for name in re.findall(r"^(?:async def|def|class) (\w+)|^((?:\w+, )*\w+) = ", source_of(file), re.MULTILINE):
                for name in "".join(name).split(", "):
                    self.assertEqual(owner.setdefault(name, file), file, name)
        self.assertGreater(len(owner), 100)


if __name__ == "__main__":
    unittest.main()
