"""`host` and `host.tools`: the host's tools as functions.

The list of tools is asked for when a name is first looked up, never before; `_forget_tools` drops it.
"""
import itertools
import sys
from importlib.machinery import ModuleSpec
from keyword import iskeyword
from types import ModuleType

_listed = None  # what the host listed: descriptors by name; None before it was asked
_made = {}  # the functions made of them
_bound = {}  # those of them that became globals of `__main__`


class _Tools(ModuleType):
    """The module `host.tools`, which knows its names only once somebody asks."""

    def __getattr__(self, name):
        if name[:1] == "_" and name != "__all__":  # looked for by whatever walks over modules
            raise AttributeError(f"module 'host.tools' has no attribute {name!r}", name=name)
        listed = _list_tools()
        if name == "__all__":
            return sorted(listed)
        if name not in listed:
            if name in _HELPERS:
                return _HELPERS[name]
            raise AttributeError(_unknown(name, listed), name=name)
        return _function(name)

    def __getitem__(self, name):
        if name not in _list_tools():
            raise KeyError(name)
        return _function(name)

    def __contains__(self, name):
        return name in _list_tools()

    def __iter__(self):
        return iter(sorted(_list_tools()))

    def __len__(self):
        return len(_list_tools())

    def __bool__(self):
        return True

    def __dir__(self):
        return sorted({*_list_tools(), *_HELPERS, *(name for name in self.__dict__ if name not in _made)})

    def __repr__(self):
        names = sorted(_list_tools())
        if not names:
            return "<host.tools: no tools>"
        shown = ", ".join(names[:20])
        if len(names) > 20:
            shown = f"{shown}, …; see tools.search(\"words\")"
        return f"<host.tools: {len(names)} tool{'s'[:len(names) > 1]}: {shown}>"


def _list_tools():
    """Descriptors by name, asked for once."""
    global _listed
    if _listed is None:
        try:
            tools = _ask(1, b"list", "tools")
        except _NoHost:
            return {}
        listed = {}
        if type(tools) is not list:
            raise ToolProtocolError("the host's list of tools is not a list")
        for tool in tools:
            if type(tool) is not dict or type(tool.get("name")) is not str or tool["name"] in listed:
                raise ToolProtocolError("the host's list holds something that is not a tool, or one name twice")
            listed[tool["name"]] = tool
        _listed = listed
    return _listed


def _forget_tools():
    """The next look at a name asks the host again. What was bound in `__main__` goes, unless it was replaced."""
    global _listed
    _listed = None
    members = _host_tools.__dict__
    for name, function in _made.items():
        if members.get(name) is function:
            del members[name]
    _made.clear()
    _tools_aio.__dict__.clear()
    for name, function in _bound.items():
        if _main.get(name) is function:
            del _main[name]
    _bound.clear()


def _bind_tools():
    """Makes every tool a global of `__main__` that hides nothing."""
    taken = sys.modules["builtins"].__dict__
    for name in _list_tools():
        if name not in taken and name not in _main and name.isidentifier() and not iskeyword(name):
            _main[name] = _bound[name] = _function(name)


def _unknown(name, listed):
    if not listed:
        return f"there is no tool {name!r}: this sandbox has no tools"
    from difflib import get_close_matches

    close = get_close_matches(name, listed, 3, 0.5)
    if close:
        hint = f"Close to it: {', '.join(close)}."
    elif len(listed) <= 10:
        hint = f"There are: {', '.join(sorted(listed))}."
    else:
        hint = f"There are {len(listed)} others."
    search = "tools.search" if "search" not in listed else "host.tools_search"
    return f'there is no tool {name!r}. {hint} Find tools with {search}("words")'


class _Face:
    """What calling a tool takes: its name as frames have it, and the names of its arguments by position."""

    __slots__ = ("name", "head", "entry", "order")

    def __init__(self, descriptor):
        self.name = name = descriptor["name"]
        quoted = _arguments_json({"": name})[4:-1]
        self.head = b',"op":"call","tool":%b,"args":' % quoted
        self.entry = b'{"tool":%b,"args":' % quoted  # in a batch
        self.order = _argument_order(descriptor)

    def named(self, given, named):
        """Arguments by name, when some are given by position."""
        order = self.order
        if len(given) == 1 and not named and order:
            return {order[0]: given[0]}
        if len(given) > len(order):
            most = len(order)
            raise ToolArgumentError(
                f"{self.name}() takes {most} positional argument{'s'[:most != 1]} but {len(given)} were given"
            )
        arguments = dict(zip(order, given))
        for name in named:
            if name in arguments:
                raise ToolArgumentError(f"{self.name}() got multiple values for argument {name!r}")
            arguments[name] = named[name]
        return arguments


def _argument_order(descriptor):
    """Required arguments first, each group in the order of the schema's properties."""
    schema = descriptor.get("inputSchema")
    properties = schema.get("properties") if type(schema) is dict else None
    if type(properties) is not dict:
        return ()
    required = schema.get("required")
    required = required if type(required) is list else ()
    return tuple([name for name in properties if name in required] + [n for n in properties if n not in required])


def _function(name):
    """The function of a listed tool."""
    function = _made.get(name)
    if function is None:
        descriptor = _listed[name]
        face = _Face(descriptor)
        head, arrange = face.head, face.named

        def function(*given, **named):
            return _call_tool(head, arrange(given, named) if given else named)

        _dress(function, face, descriptor)
        _made[name] = function
        # From now on it is found without `__getattr__`, unless a name of modules or of the user's is in the way.
        _host_tools.__dict__.setdefault(name, function)
    return function


def _dress(function, face, descriptor):
    function.__name__ = function.__qualname__ = face.name
    function.__module__ = "host.tools"
    function.__doc__ = _docstring(descriptor)
    function.__signature__ = _Signature(descriptor)
    function.descriptor = descriptor
    function._face = face


def _install_tools():
    """Puts `host` and `host.tools` where imports find them. Sends nothing."""
    global _host_tools
    host = ModuleType("host", _HOST_DOC)
    host.__spec__ = ModuleSpec("host", None, is_package=True)
    host.__path__ = []
    host.__package__ = "host"
    host.PROTOCOL = 1
    for error in _TOOL_ERRORS:
        setattr(host, error.__name__, error)
    host.__all__ = ["PROTOCOL", *(error.__name__ for error in _TOOL_ERRORS)]
    _host_tools = host.tools = _Tools("host.tools", _TOOLS_DOC)
    _host_tools.__spec__ = ModuleSpec("host.tools", None)
    _host_tools.__package__ = "host"
    for name, helper in _HELPERS.items():
        setattr(host, f"tools_{name}", helper)
    sys.modules["host"], sys.modules["host.tools"] = host, _host_tools


_HOST_DOC = """What the sandbox's host offers to the code inside: `from host import tools`.

Importing sends nothing. A call that fails raises one of the classes here; `kind` of each names how it failed.
"""


_TOOLS_DOC = """The tools that the host offers, one function each.

`tools.NAME(…)` takes the tool's arguments by position or keyword and returns its value, or raises a subclass of
`host.ToolError`. `dir(tools)` lists the names and `help(tools)` describes them.

tools.search("words")       the tools that fit the words best: dicts with name and description
tools.describe("name", …)   their declarations, as Python text
tools.map(tools.NAME, […])  many calls at once, side by side on the host
tools.aio.NAME(…)           the same as a coroutine, for `await` and `asyncio.gather`

A tool with one of these four names takes its place here; `host.tools_map` and so on are always the helpers.
"""


def _search(query, limit=10):
    """Search the tools: dicts with `name` and `description`, the best first."""
    return _ask(2, b"search", "value", query=query, limit=limit)


def _describe(*tools):
    """The declarations of tools, given by name or as functions, as Python text; of all when none is given."""
    names = [tool if isinstance(tool, str) else tool.__name__ for tool in tools]
    names = names or sorted(_list_tools())
    texts = []
    for start in range(0, len(names), _BATCH_MOST):
        texts.append(_ask(2, b"describe", "value", names=names[start : start + _BATCH_MOST], language="python"))
    return "\n".join(texts)


def _practise_tools():
    """Calls a tool that a pretended host answers, so that the interpreter has specialised the way of a call."""
    global _door, _frame_numbers
    door = _door
    tool = b'{"name":"f","inputSchema":{"type":"object","properties":{"a":{"type":"string"},"b":{"type":"integer"}}}}'

    def pretend(frame):
        number = frame[12 : frame.index(b",", 12)]
        if b'"op":"list"' in frame:
            return b'{"v":1,"id":%b,"ok":true,"tools":[%b]}' % (number, tool)
        return b'{"v":1,"id":%b,"ok":true,"value":{"a":[1.5,"x"]}}' % number

    _door = pretend
    try:
        for _ in range(16):
            _host_tools.f("x")
            _host_tools.f(a="x", b=2)
            _forget_tools()
    finally:
        _door = door
        _frame_numbers = itertools.count(1)
        _forget_tools()
