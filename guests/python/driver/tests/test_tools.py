#!/usr/bin/env python3
"""How tools are named, found, called and forgotten.

python3 -m unittest discover -s guests/python/driver/tests
"""
import ast
import asyncio
import contextlib
import gc
import inspect
import io
import pydoc
import re
import unittest

import cases
from booted import Booted, ALL_FILES, ECHO, PRICE, boot, source_of
from pretended import Host


class Tools(Booted):
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
