"""Tools and a gate as data, so that every language can offer the same ones."""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import Callable
from typing import Any

import sandcell
from sandcell import PENDING, ToolCall, ToolError

FIELDS = {"name", "description", "input_schema", "output_schema", "does", "waits_ms", "blocking", "timeout_ms"}


def tool_of(data: dict[str, Any]) -> sandcell.Tool:
    """The tool that ``data`` describes."""
    wait = data.get("waits_ms", 0) / 1000
    does = data["does"]

    def at_once(**arguments: Any) -> Any:
        return _reply(does, arguments)

    def blocks(**arguments: Any) -> Any:
        time.sleep(wait)
        return _reply(does, arguments)

    async def waits(**arguments: Any) -> Any:
        await asyncio.sleep(wait)
        return _reply(does, arguments)

    blocking = data.get("blocking", False)
    plain = "waits_ms" not in data and "timeout_ms" not in data
    function = blocks if blocking else at_once if plain else waits
    return sandcell.tool(
        name=data["name"],
        description=data.get("description", ""),
        input_schema=data.get("input_schema", {"type": "object"}),
        output_schema=data.get("output_schema"),
        timeout=data.get("timeout_ms"),
        blocking=blocking,
        suspending=does == "suspend" and plain and not blocking,
    )(function)


def gate_of(words: list[dict[str, Any]]) -> Callable[[ToolCall], Any]:
    """The gate that says these words."""

    def gate(call: ToolCall) -> Any:
        for word in words:
            if word["tool"] == call.tool and _fits(word.get("if", {}), call.arguments):
                return _said(word["then"])
        return True

    return gate


def result_of(given: dict[str, Any]) -> Any:
    """What a suspended call is given."""
    [(kind, value)] = given.items()
    if kind == "value":
        return _bytes(value)
    if kind == "fails":
        return ValueError(value)
    return ToolError(value, kind={"error": "tool_error", "denied": "denied"}[kind])


def _said(then: Any) -> Any:
    if then in ("allow", "suspend"):
        return True if then == "allow" else PENDING
    [(_, value)] = then.items()
    return _bytes(value)


def _reply(does: Any, arguments: dict[str, Any]) -> Any:
    if does == "echo":
        return arguments
    if does == "suspend":
        return PENDING
    [(kind, value)] = does.items()
    if kind == "first":
        for choice in value:
            if _fits(choice.get("if", {}), arguments):
                return _reply(choice["then"], arguments)
        raise LookupError("no choice fits")
    if kind == "argument":
        return arguments.get(value)
    if kind == "value":
        return _bytes(value)
    if kind == "fails":
        raise OSError(value)
    raise ToolError(value, kind="tool_error" if kind == "error" else kind)


def _fits(wanted: dict[str, Any], arguments: dict[str, Any]) -> bool:
    return all(name in arguments and arguments[name] == _bytes(value) for name, value in wanted.items())


def _bytes(value: Any) -> Any:
    """Bytes of JSON as bytes."""
    if isinstance(value, dict):
        if set(value) == {"$bytes"}:
            return base64.b64decode(value["$bytes"])
        return {name: _bytes(item) for name, item in value.items()}
    return [_bytes(item) for item in value] if isinstance(value, list) else value
