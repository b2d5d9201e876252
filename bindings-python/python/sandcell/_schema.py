"""JSON schemas from signatures and type hints, and the way back from JSON to the hinted types."""

from __future__ import annotations

import collections.abc
import dataclasses
import enum
import inspect
import re
import types
import typing
from collections.abc import Callable
from typing import Any, Literal, Union

from sandcell._errors import ConfigTypeError, ToolError

Schema = dict[str, Any]
_Convert = Callable[[Any], Any]
_PLAIN: dict[Any, Schema] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    float: {"type": "number"},
    bool: {"type": "boolean"},
    type(None): {"type": "null"},
    list: {"type": "array"},
    dict: {"type": "object"},
    object: {},
    Any: {},
    inspect.Parameter.empty: {},
    # Not with `properties`: an object whose one key is `$bytes` is taken for bytes, also in a schema.
    bytes: {"type": "object", "required": ["$bytes"], "maxProperties": 1},
}
_SECTIONS = re.compile(r"^\s*(args|arguments|parameters|params|returns|return|yields|raises|examples?|notes?)\s*:?\s*$", re.I)


@dataclasses.dataclass(frozen=True)
class Plan:
    """What a tool is made of."""

    call: Callable[..., Any]
    is_async: bool
    description: str
    input_schema: Schema
    output_schema: Schema | None


def of(function: Callable[..., Any]) -> Plan:
    """The schema of a function and how to call it with values of JSON."""
    where = getattr(function, "__qualname__", type(function).__name__)
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError) as error:
        raise ConfigTypeError(f"tool `{where}` has no signature: {error}", "document_invalid", 107) from error
    hints = _hints(function)
    description, notes = _docstring(inspect.getdoc(function) or "")
    properties: Schema = {}
    required: list[str] = []
    converters: dict[str, _Convert] = {}
    positional: list[str] = []
    open_ended = False
    for parameter in signature.parameters.values():
        if parameter.kind is parameter.VAR_POSITIONAL:
            raise ConfigTypeError(f"tool `{where}` takes `*{parameter.name}`: arguments are given by name", "document_invalid", 107)
        if parameter.kind is parameter.VAR_KEYWORD:
            open_ended = True
            continue
        if parameter.kind is parameter.POSITIONAL_ONLY:
            positional.append(parameter.name)
        schema, convert = _type(hints.get(parameter.name, parameter.empty), f"{where}({parameter.name})")
        schema = dict(schema)
        if parameter.name in notes:
            schema["description"] = notes[parameter.name]
        if parameter.default is parameter.empty:
            required.append(parameter.name)
        elif parameter.default is None or isinstance(parameter.default, (str, int, float, bool)):
            schema["default"] = parameter.default
        properties[parameter.name] = schema
        if convert is not None:
            converters[parameter.name] = convert
    input_schema: Schema = {"type": "object", "properties": properties, "required": required}
    if not open_ended:
        input_schema["additionalProperties"] = False
    output = hints.get("return", inspect.Parameter.empty)
    output_schema = _output(output, where)
    is_async = inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(getattr(function, "__call__", None))
    call = _wrapped(function, converters, positional) if converters or positional else function
    return Plan(call, is_async, description, input_schema, output_schema)


def _wrapped(function: Callable[..., Any], converters: dict[str, _Convert], positional: list[str]) -> Callable[..., Any]:
    def call(**arguments: Any) -> Any:
        for name, convert in converters.items():
            if name in arguments:
                try:
                    arguments[name] = convert(arguments[name])
                except (TypeError, ValueError, KeyError) as error:
                    raise ToolError.invalid_arguments(f"argument `{name}`: {error}") from error
        given = [arguments.pop(name) for name in positional if name in arguments]
        return function(*given, **arguments)

    return call


def _hints(function: Callable[..., Any]) -> dict[str, Any]:
    target = function if inspect.isroutine(function) or inspect.isfunction(function) else getattr(function, "__call__", function)
    try:
        return typing.get_type_hints(target, include_extras=True)
    except (NameError, TypeError, AttributeError):
        # Hints that name what is not there: the schema says nothing of them.
        return {}


def _output(hint: Any, where: str) -> Schema | None:
    if hint is inspect.Parameter.empty or hint is Any:
        return None
    try:
        schema, _ = _type(hint, f"{where} -> …")
    except ConfigTypeError:
        return None
    return schema or None


def _type(hint: Any, where: str) -> tuple[Schema, _Convert | None]:
    """The schema of a hint; and how to get there from JSON, unless JSON's own value will do."""
    if isinstance(hint, (str, typing.TypeVar)):
        return {}, None
    if hint in _PLAIN:
        return _PLAIN[hint], None
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Annotated:
        schema, convert = _type(arguments[0], where)
        texts = [note for note in arguments[1:] if isinstance(note, str)]
        return ({**schema, "description": texts[0]} if texts else schema), convert
    if origin is Literal:
        return {"enum": list(arguments)}, None
    if origin in (Union, types.UnionType):
        return _union(arguments, where)
    if origin in (list, collections.abc.Sequence, collections.abc.Iterable, set, frozenset, tuple):
        return _array(origin, arguments, where)
    if origin in (dict, collections.abc.Mapping):
        schema, convert = _type(arguments[1] if len(arguments) == 2 else Any, where)
        whole: Schema = {"type": "object", "additionalProperties": schema} if schema else {"type": "object"}
        return whole, None if convert is None else lambda value: {key: convert(item) for key, item in value.items()}
    if isinstance(hint, type):
        return _class(hint, where)
    raise ConfigTypeError(f"tool {where}: there is no schema for the type {hint!r}", "document_invalid", 107)


def _union(options: tuple[Any, ...], where: str) -> tuple[Schema, _Convert | None]:
    parts = [_type(option, where) for option in options]
    schema: Schema = {"anyOf": [part for part, _ in parts]}
    converting = [convert for _, convert in parts if convert is not None]
    if not converting:
        return schema, None

    def convert(value: Any) -> Any:
        if value is None:
            return None
        for option in converting:
            try:
                return option(value)
            except (TypeError, ValueError, KeyError):
                continue
        return value

    return schema, convert


def _array(origin: Any, arguments: tuple[Any, ...], where: str) -> tuple[Schema, _Convert | None]:
    item = arguments[0] if arguments and (origin is not tuple or arguments[-1] is Ellipsis) else Any
    schema, convert = _type(item, where)
    whole: Schema = {"type": "array", "items": schema} if schema else {"type": "array"}
    make: Any = origin if origin in (set, frozenset, tuple) else list
    if convert is None and make is list:
        return whole, None
    return whole, lambda value: make(value if convert is None else [convert(item) for item in value])


def _class(hint: type, where: str) -> tuple[Schema, _Convert | None]:
    if issubclass(hint, enum.Enum):
        return {"enum": [member.value for member in hint]}, hint
    if dataclasses.is_dataclass(hint):
        return _dataclass(hint, where)
    if hasattr(hint, "model_json_schema") and hasattr(hint, "model_validate"):
        # A pydantic model: it checks for itself.
        return hint.model_json_schema(), hint.model_validate
    if hint in (tuple, set, frozenset):
        return {"type": "array"}, hint
    raise ConfigTypeError(f"tool {where}: there is no schema for the type {hint.__qualname__}", "document_invalid", 107)


def _dataclass(hint: Any, where: str) -> tuple[Schema, _Convert | None]:
    hints = typing.get_type_hints(hint, include_extras=True)
    properties: Schema = {}
    required: list[str] = []
    converters: dict[str, _Convert] = {}
    for field in dataclasses.fields(hint):
        if not field.init:
            continue
        properties[field.name], convert = _type(hints[field.name], f"{where}.{field.name}")
        if convert is not None:
            converters[field.name] = convert
        if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            required.append(field.name)
    schema: Schema = {"type": "object", "properties": properties, "required": required, "additionalProperties": False}

    def convert_all(value: Any) -> Any:
        if not isinstance(value, dict):
            raise TypeError(f"expected an object for {hint.__name__}")
        return hint(**{key: converters[key](item) if key in converters else item for key, item in value.items()})

    return schema, convert_all


def _docstring(text: str) -> tuple[str, dict[str, str]]:
    """What comes before the first section; and what Google's and Sphinx's styles say of parameters."""
    lines = text.splitlines()
    body: list[str] = []
    notes: dict[str, str] = {}
    section = ""
    last = ""
    for line in lines:
        sphinx = re.match(r"^\s*:param\s+(?:[^:]*\s)?(\w+):\s*(.*)$", line)
        heading = _SECTIONS.match(line)
        if sphinx:
            notes[sphinx[1]] = sphinx[2].strip()
            section = "sphinx"
        elif heading:
            section = heading[1].lower()
            last = ""
        elif not section:
            body.append(line)
        elif section in ("args", "arguments", "parameters", "params"):
            entry = re.match(r"^\s+(\w+)\s*(?:\([^)]*\))?\s*:\s*(.*)$", line)
            if entry:
                last = entry[1]
                notes[last] = entry[2].strip()
            elif last and line.strip():
                notes[last] = f"{notes[last]} {line.strip()}".strip()
    return "\n".join(body).strip(), notes
