"""The driver's side of tools, booted in the Python that runs the tests, with a pretended host."""
import os
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


class Booted(unittest.TestCase):
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
