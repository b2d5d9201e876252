#!/usr/bin/env python3
"""What arguments, values and errors of tools are on their way.

python3 -m unittest discover -s guests/python/driver/tests
"""
import base64
import json
import types
import unittest

import cases
from booted import Booted


class Values(Booted):
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


if __name__ == "__main__":
    unittest.main()
