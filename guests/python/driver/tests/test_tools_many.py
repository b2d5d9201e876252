#!/usr/bin/env python3
"""Many calls in one frame: `tools.map` and `tools.aio`.

python3 -m unittest discover -s guests/python/driver/tests
"""
import asyncio
import inspect
import unittest

from booted import Booted


class Many(Booted):
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


if __name__ == "__main__":
    unittest.main()
