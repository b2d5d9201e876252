"""Tools from plain functions: name, description and schema come from the function itself."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Callable
from datetime import timedelta
from typing import Any, overload

from sandcell import _schema
from sandcell._errors import wrong_type
from sandcell._sandcell import Tool


class _Pending:
    """Says that an answer comes later."""

    def __repr__(self) -> str:
        return "sandcell.PENDING"

    def __reduce__(self) -> str:
        return "PENDING"


PENDING = _Pending()
"""Returned by a tool or by the gate: the run is suspended until ``Sandbox.resume`` brings the result."""


@dataclasses.dataclass(frozen=True)
class ToolCall:
    """A call that the gate decides on."""

    id: int
    """The call's number in this run."""
    tool: str
    """The tool's name."""
    arguments: dict[str, Any]
    """The arguments by name."""


@overload
def tool(
    function: Callable[..., Any],
    /,
    *,
    name: str | None = None,
    description: str | None = None,
    input_schema: dict[str, Any] | None = None,
    output_schema: dict[str, Any] | None = None,
    read_only: bool | None = None,
    destructive: bool | None = None,
    idempotent: bool | None = None,
    open_world: bool | None = None,
    timeout: int | str | timedelta | None = None,
    blocking: bool = False,
    suspending: bool = False,
) -> Tool: ...


@overload
def tool(
    function: None = None,
    /,
    *,
    name: str | None = None,
    description: str | None = None,
    input_schema: dict[str, Any] | None = None,
    output_schema: dict[str, Any] | None = None,
    read_only: bool | None = None,
    destructive: bool | None = None,
    idempotent: bool | None = None,
    open_world: bool | None = None,
    timeout: int | str | timedelta | None = None,
    blocking: bool = False,
    suspending: bool = False,
) -> Callable[[Callable[..., Any]], Tool]: ...


def tool(
    function: Callable[..., Any] | None = None,
    /,
    *,
    name: str | None = None,
    description: str | None = None,
    input_schema: dict[str, Any] | None = None,
    output_schema: dict[str, Any] | None = None,
    read_only: bool | None = None,
    destructive: bool | None = None,
    idempotent: bool | None = None,
    open_world: bool | None = None,
    timeout: int | str | timedelta | None = None,
    blocking: bool = False,
    suspending: bool = False,
) -> Any:
    """Makes a ``Tool`` of a function; also a decorator, with or without arguments.

    What is not given comes from the function: its name, its docstring, its signature and type hints
    (builtin types, ``Literal``, ``Optional``, lists, dicts, enums, dataclasses and pydantic models; the
    latter three reach the function as such). A coroutine function runs on the event loop of whoever awaits
    the run. ``blocking`` gives each call a thread of its own, so that ``timeout`` (milliseconds, or a text such as ``"5s"``), deadlines
    and cancellation reach the caller. ``suspending`` never calls the function: each call waits for
    ``Sandbox.resume``. The hints grant nothing.
    """
    given = locals()
    if function is None:
        options = {key: value for key, value in given.items() if key != "function"}
        return lambda function: tool(function, **options)
    if not callable(function):
        raise wrong_type("tools", "a function or a Tool", function)
    known = {"read_only": read_only, "destructive": destructive, "idempotent": idempotent, "open_world": open_world}
    hints = {key: value for key, value in known.items() if value is not None}
    for key, value in {"name": name, "description": description}.items():
        if value is not None and not isinstance(value, str):
            raise wrong_type(key, "a str", value)
    for key, flag in {**hints, "blocking": blocking, "suspending": suspending}.items():
        if not isinstance(flag, bool):
            raise wrong_type(key, "a bool", flag)
    plan = _schema.of(function)
    return Tool._of(
        name or _name(function),
        None if suspending else plan.call,
        is_async=plan.is_async,
        blocking=blocking or timeout is not None,
        description=plan.description if description is None else description,
        input_schema=plan.input_schema if input_schema is None else input_schema,
        output_schema=plan.output_schema if output_schema is None else output_schema,
        hints=hints,
        timeout_ms=timeout,
    )


def plain(value: Any) -> Any:
    """What a value that has no JSON form of its own travels as. Called by the native module."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, (bytearray, memoryview)):
        return bytes(value)
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    for method, arguments in (("model_dump", {"mode": "json"}), ("tolist", {}), ("isoformat", {})):
        convert = getattr(value, method, None)
        if callable(convert) and not isinstance(value, type):
            return convert(**arguments)
    raise TypeError(f"a value of type {type(value).__name__} cannot travel to a guest")


def _name(function: Callable[..., Any]) -> str:
    name = getattr(function, "__name__", None)
    return name if isinstance(name, str) else type(function).__name__


