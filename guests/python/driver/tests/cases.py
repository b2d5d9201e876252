"""Programs that use tools, and what they print: (name, code, expected standard output).

Any host must offer the tools of `TOOLS`, which `FUNCTIONS` says in Python. `python3 cases.py` prints all of it as JSON,
for hosts in other languages. A code that awaits does so at top level.
"""
import json
import textwrap


class Failure(Exception):
    """What a tool ends in: a kind and the message that the guest reads."""


def _object(required=(), **properties):
    return {"type": "object", "properties": properties, "required": list(required), "additionalProperties": False}


TOOLS = [
    {
        "name": "price",
        "description": "The price of one piece.",
        "inputSchema": _object(
            ["symbol"],
            symbol={"type": "string", "description": "What it is called."},
            currency={"type": "string", "default": "eur"},
        ),
        "outputSchema": {"type": "number"},
        "annotations": {"readOnlyHint": True},
    },
    {"name": "echo", "description": "Gives back its value.", "inputSchema": _object(["value"], value={})},
    {
        "name": "fail",
        "description": "Fails in the way that is asked for.",
        "inputSchema": _object(["kind"], kind={"type": "string"}),
    },
    {"name": "search", "description": "A tool named as a helper.", "inputSchema": _object(["query"], query={"type": "string"})},
]


def price(symbol, currency="eur"):
    prices = {"apple": 1.25, "egg": 0.5}
    if symbol not in prices:
        raise Failure("tool_error", f"there is no price of {symbol}")
    return prices[symbol] * (2 if currency == "usd" else 1)


def fail(kind):
    raise Failure(kind, f"it ended in {kind}")


FUNCTIONS = {"price": price, "echo": lambda value: value, "fail": fail, "search": lambda query: f"found {query}"}

_CASES = [
    ("calls by position and by name", """
        from host import tools
        print(tools.price("apple"), tools.price("apple", "usd"), tools.price(symbol="egg"), tools.price("egg", currency="usd"))
        """, "1.25 2.5 0.5 1.0\n"),
    ("the ways to import", """
        import host.tools
        from host.tools import price
        from host.tools import *
        print(price("egg"), echo("x"), host.tools.echo(1), price is host.tools.price)
        """, "0.5 x 1 True\n"),
    ("values arrive as they were", """
        from host import tools
        for value in (None, True, 0, -9223372036854775808, 18446744073709551615, 1.5, -0.0, "ä\\u2028\\0\\"", [], {}, [1, [2.5, "x", None]],
                      {"a": {"b": [{}]}}, b"", b"\\0\\xff", {"deep": [b"x", {"y": b"z"}]}):
            back = tools.echo(value)
            print(back == value, type(back) is type(value), end=" ")
        print(tools.echo((1, 2)), tools.echo(bytearray(b"x")))
        """, "True True " * 15 + "[1, 2] b'x'\n"),
    ("floats arrive to the last bit", """
        import struct
        from host import tools
        number, floats = 1, [0.1, 1 / 3, 5e-324, 2.2250738585072014e-308, 1.7976931348623157e308, -123456789.12345679]
        while len(floats) < 2000:
            number = number * 6364136223846793005 + 1442695040888963407 & 0xFFFF_FFFF_FFFF_FFFF
            if number >> 52 & 0x7FF != 0x7FF:
                floats.append(struct.unpack("d", number.to_bytes(8, "little"))[0])
        print(tools.echo(floats) == floats)
        """, "True\n"),
    ("large values arrive", """
        from host import tools
        text, table = "x" * 100_000, [{"id": number, "name": f"item {number}"} for number in range(5000)]
        print(tools.echo(text) == text, tools.echo(table) == table, tools.echo(bytes(range(256)) * 1000) == bytes(range(256)) * 1000)
        """, "True True True\n"),
    ("errors have their class and kind", """
        import host
        from host import tools
        for kind, base in (("tool_error", Exception), ("denied", PermissionError), ("invalid_arguments", TypeError)):
            try:
                tools.fail(kind)
            except base as error:
                print(type(error).__name__, error.kind, error, isinstance(error, host.ToolError))
        """, "ToolError tool_error it ended in tool_error True\nToolDenied denied it ended in denied True\n"
             "ToolArgumentError invalid_arguments it ended in invalid_arguments True\n"),
    ("what does not fit is refused before it is sent", """
        from host import tools
        loop = []
        loop.append(loop)
        for value in (float("nan"), 2**64, {1: 2}, "\\ud800", {1, 2}, loop, {"$bytes": ""}):
            try:
                print(tools.echo(value))
            except TypeError as error:
                print(error)
        """, "argument 'value' is nan; only finite numbers can be passed\n"
             "argument 'value' is an integer beyond 64 bits; pass it as a string\n"
             "argument 'value' has a key of type int; the keys must be strings\n"
             "argument 'value' holds a lone surrogate, which no UTF-8 text can carry\n"
             "argument 'value' is of type set, which has no JSON form; pass `sorted(…)` or `list(…)`\n"
             "argument 'value' nests deeper than 60 levels, or contains itself\n"
             "argument 'value' has the key \"$bytes\", which would be read as bytes\n"),
    ("arguments nest up to sixty levels, alone and in a batch", """
        from host import tools
        deep = 1
        for _ in range(60):
            deep = [deep]
        print(tools.echo(deep) == deep, tools.map(tools.echo, [deep]) == [deep])
        """, "True True\n"),
    ("an unknown name tells what is close", """
        from host import tools
        try:
            tools.prise
        except AttributeError as error:
            print(error)
        print(hasattr(tools, "absent"), hasattr(tools, "price"), "price" in tools)
        """, "there is no tool 'prise'. Close to it: price. Find tools with host.tools_search(\"words\")\nFalse True True\n"),
    ("what tools say of themselves", """
        import inspect
        from host import tools
        print(inspect.signature(tools.price))
        print(tools.price.__name__, tools.price.__doc__.splitlines())
        print(tools, [name for name in dir(tools) if name[0] != "_"])
        """, "(symbol: str, currency: str = 'eur') -> float\n"
             "price ['The price of one piece.', '', 'Args:', '    symbol: What it is called.']\n"
             "<host.tools: 4 tools: echo, fail, price, search> ['aio', 'describe', 'echo', 'fail', 'map', 'price', 'search']\n"),
    ("a tool wins over a helper of its name", """
        import host
        print(host.tools.search("eggs"), callable(host.tools_search))
        """, "found eggs True\n"),
    ("map keeps the order and gives errors their place", """
        from host import tools
        print(tools.map(tools.price, ["apple", "egg"], ["usd", "eur"]), tools.map(tools.echo, range(2500)) == list(range(2500)))
        print([type(value).__name__ for value in tools.map(tools.price, ["apple", "stone", "egg"], return_exceptions=True)])
        try:
            tools.map(tools.price, ["apple", "stone"])
        except Exception as error:
            print(error)
        """, "[2.5, 0.5] True\n['float', 'ToolError', 'float']\nthere is no price of stone\n"),
    ("gathered calls", """
        import asyncio
        from host import tools
        print(await asyncio.gather(tools.aio.price("apple"), tools.aio.echo({"a": [b"x"]}), tools.aio.price("egg", "usd")))
        values = await asyncio.gather(*(tools.aio.echo(number) for number in range(1500)))
        print(values == list(range(1500)))
        print([str(value) for value in await asyncio.gather(tools.aio.fail("denied"), tools.aio.echo(1), return_exceptions=True)])
        """, "[1.25, {'a': [b'x']}, 1.0]\nTrue\n['it ended in denied', '1']\n"),
    ("asyncio run with a group of tasks and a cancelled one", """
        import asyncio
        from host import tools
        async def work(number):
            return await tools.aio.echo(await tools.aio.echo(number) + 1)
        async def main():
            late = asyncio.create_task(tools.aio.fail("denied"))
            await asyncio.sleep(0)
            late.cancel()
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(work(number)) for number in range(4)]
            return [task.result() for task in tasks], late.cancelled()
        print(asyncio.run(main()))
        """, "([1, 2, 3, 4], True)\n"),
    ("calls from finalisers, iterators and the reading of arguments", """
        import gc
        from host import tools
        class Goes:
            def __init__(self):
                self.me = self
            def __del__(self):
                print("gone", tools.echo(1))
        class Asks(dict):
            @property
            def __class__(self):
                tools.echo("inside")
                return dict
        Goes()
        gc.collect()
        print(tools.echo([Asks(a=1)]), tools.map(tools.echo, (tools.echo(number) for number in range(3))))
        """, "gone 1\n[{'a': 1}] [0, 1, 2]\n"),
    ("many calls", """
        from host import tools
        print(sum(tools.echo(number) for number in range(5000)))
        """, "12497500\n"),
]
CASES = [(name, textwrap.dedent(code).strip() + "\n", expected) for name, code, expected in _CASES]

if __name__ == "__main__":
    cases = [{"name": name, "code": code, "stdout": expected} for name, code, expected in CASES]
    print(json.dumps({"tools": TOOLS, "cases": cases}, indent=1, ensure_ascii=False))
