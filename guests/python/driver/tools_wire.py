"""Frames to the host and back: what a tool call looks like on the wire, and which error it ends in.

Nothing here keeps state between two frames but the number of the next one, so a call may be made from anywhere:
from `__del__`, from an exit function, or from code that runs while another call's arguments are being read.
"""
import itertools
from binascii import a2b_base64, b2a_base64
from json.decoder import JSONDecoder
from json.encoder import c_make_encoder, encode_basestring

from _host import call as _door


class ToolError(Exception):
    """A tool call failed (`tool_error`); the base of every class below. `kind` says how."""

    kind = "tool_error"


class ToolDenied(ToolError, PermissionError):
    """The policy, the gate or the tool refused the call (`denied`)."""

    kind = "denied"


class ToolArgumentError(ToolError, TypeError):
    """The arguments do not fit the tool, or no tool has that name (`invalid_arguments`, `unknown_tool`)."""

    kind = "invalid_arguments"


class ToolTimeout(ToolError, TimeoutError):
    """The tool did not answer in its time (`timeout`)."""

    kind = "timeout"


class ToolCancelled(ToolError):
    """The run was cancelled while the tool ran (`cancelled`)."""

    kind = "cancelled"


class ToolTooLarge(ToolError):
    """The request or the result is over its cap (`too_large`)."""

    kind = "too_large"


class ToolBudgetExceeded(ToolError):
    """This run has used all the tool calls it may make (`budget_exceeded`)."""

    kind = "budget_exceeded"


class ToolProtocolError(ToolError):
    """The frame or its answer broke the protocol, or no host answers (`protocol`)."""

    kind = "protocol"


_TOOL_ERRORS = (
    ToolError, ToolDenied, ToolArgumentError, ToolTimeout, ToolCancelled, ToolTooLarge, ToolBudgetExceeded,
    ToolProtocolError,
)  # fmt: skip
_ERROR_OF_KIND = {error.kind: error for error in _TOOL_ERRORS}
_ERROR_OF_KIND["unknown_tool"] = ToolArgumentError
for _error in _TOOL_ERRORS:
    _error.__module__ = "host"
del _error

_NESTING_MOST = 60  # of an argument; with the envelope of a batch it makes the 64 of the protocol
_INT_LEAST, _INT_MOST = -0x8000_0000_0000_0000, 0xFFFF_FFFF_FFFF_FFFF
_frame_numbers = itertools.count(1)


def _not_plain(value):
    raise TypeError(f"{type(value).__name__} has no JSON form")


_write_json = c_make_encoder(None, _not_plain, encode_basestring, None, ":", ",", False, False, False)


def _no_constant(name):
    raise ValueError(f"{name} is not JSON")


def _unwrap_bytes(value):
    if type(value.get("$bytes", 0)) is not str:  # a schema may speak of the key
        return value
    if len(value) != 1:
        raise ValueError("`$bytes` has company")
    return a2b_base64(value["$bytes"], strict_mode=True)


_read_json = JSONDecoder(parse_constant=_no_constant).scan_once
_read_json_and_bytes = JSONDecoder(parse_constant=_no_constant, object_hook=_unwrap_bytes).scan_once


def _call_tool(head, arguments):
    """One call: `head` names the tool as the frame does. Returns its value or raises a `ToolError`."""
    body = _arguments_json(arguments)
    number = next(_frame_numbers)
    answer = _exchange(b'{"v":1,"id":%d%b%b}' % (number, head, body))
    start = b'{"v":1,"id":%d,"ok":true,"value":' % number
    if answer.startswith(start):  # as our host writes it: the envelope need not be built
        try:
            text = answer.decode()
            value, end = (_read_json_and_bytes if '"$bytes"' in text else _read_json)(text, len(start))
            if text[end:] == "}":
                return value
        except (ValueError, TypeError, StopIteration):
            pass
    return _field(_read_answer(answer, 1, number), "value")


def _ask(version, operation, field, **more):
    """A frame that is not a call; returns the `field` of its answer."""
    number = next(_frame_numbers)
    more = _arguments_json(more)[1:-1]
    frame = b'{"v":%d,"id":%d,"op":"%b"%b%b}' % (version, number, operation, b"," if more else b"", more)
    return _field(_read_answer(_exchange(frame), version, number), field)


def _exchange(frame):
    """Sends a frame and returns the answer. What was printed before goes out before it."""
    try:
        _out.flush()
        _err.flush()
    except Exception:  # closed or detached: the end of the turn mends it
        pass
    try:
        return _door(frame)
    except ConnectionRefusedError:
        raise _NoHost("this sandbox has no tools") from None
    except OSError as error:
        raise ToolProtocolError(f"the host could not answer: {error}") from None


class _NoHost(ToolProtocolError):
    pass


_NoHost.__name__ = _NoHost.__qualname__ = "ToolProtocolError"
_NoHost.__module__ = "host"


def _read_answer(answer, version, number):
    """The object of an answer that is `ok`; raises what it says when it is not."""
    try:
        text = answer.decode()
        value, end = (_read_json_and_bytes if '"$bytes"' in text else _read_json)(text, 0)
    except (ValueError, TypeError, StopIteration):
        raise ToolProtocolError("the host's answer is not JSON") from None
    if end != len(text) or type(value) is not dict:
        raise ToolProtocolError("the host's answer is not one object")
    okay, told = value.get("ok"), value.get("id", 0)
    if okay is False and (told is None or told == number):  # no id and version 1: the host could not read that far
        raise _failure(value)
    if value.get("v") != version or told != number:
        raise ToolProtocolError("the host's answer belongs to another frame")
    if okay is not True:
        raise _failure(value)
    return value


def _field(answer, name):
    if name not in answer:
        raise ToolProtocolError(f"the host's answer has no `{name}`")
    return answer[name]


def _failure(answer):
    """The exception that an answer which is not `ok` stands for."""
    error = answer.get("error")
    if answer.get("ok") is not False or type(error) is not dict:
        return ToolProtocolError("the host's answer says neither `ok` nor an error")
    kind, message = error.get("kind"), error.get("message")
    if type(kind) is not str or type(message) is not str:
        return ToolProtocolError("the host's answer has an error without kind and message")
    failure = _ERROR_OF_KIND.get(kind, ToolError)(message)
    if failure.kind != kind:
        failure.kind = kind
    return failure


def _arguments_json(arguments):
    """`arguments`, a dict whose keys are strings, as JSON. Refuses what would not arrive as it was."""
    if not _is_plain(arguments.values(), _NESTING_MOST):
        arguments = {name: _json_form(value, _NESTING_MOST, (name,)) for name, value in arguments.items()}
    try:
        return "".join(_write_json(arguments, 0)).encode()
    except ValueError:  # not finite, or a lone surrogate
        for name, value in arguments.items():
            _json_form(name, 0, (name,))
            _json_form(value, _NESTING_MOST, (name,))
        raise


def _is_plain(values, depth):
    """Whether the encoder writes exactly these values. Runs no code of the user's; what it says no to is
    looked at again by `_json_form`, which knows why."""
    for value in values:
        kind = type(value)
        if kind is str:
            continue
        if kind is int:
            if _INT_LEAST <= value <= _INT_MOST:
                continue
            return False
        if kind is float or kind is bool or value is None:
            continue
        if kind is dict:
            if depth <= 0 or "$bytes" in value:
                return False
            try:
                "".join(value)  # the quickest way to see that all keys are strings
            except TypeError:
                return False
            if not _is_plain(value.values(), depth - 1):
                return False
        elif kind is list or kind is tuple:
            if depth <= 0 or not _is_plain(value, depth - 1):
                return False
        else:
            return False
    return True


def _json_form(value, depth, where):
    """What the encoder can write of any value, or a `ToolArgumentError` that names the place and the remedy."""
    if value is None or value is True or value is False:
        return value
    if isinstance(value, str):
        value = str.__str__(value)
        try:
            value.encode()
        except UnicodeEncodeError:
            raise _refusal(where, "holds a lone surrogate, which no UTF-8 text can carry") from None
        return value
    if isinstance(value, int):
        value = int.__index__(value)
        if not _INT_LEAST <= value <= _INT_MOST:
            raise _refusal(where, "is an integer beyond 64 bits; pass it as a string")
        return value
    if isinstance(value, float):
        value = float.__float__(value)
        if value - value != 0:
            raise _refusal(where, f"is {value}; only finite numbers can be passed")
        return value
    if isinstance(value, (bytes, bytearray, memoryview)):
        return {"$bytes": b2a_base64(bytes(value), newline=False).decode()}
    if isinstance(value, (dict, list, tuple)):
        if depth <= 0:
            raise _refusal(where[:1], f"nests deeper than {_NESTING_MOST} levels, or contains itself")
        if not isinstance(value, dict):
            iterate = list.__iter__ if isinstance(value, list) else tuple.__iter__
            return [_json_form(item, depth - 1, (*where, index)) for index, item in enumerate(iterate(value))]
        form = {}
        for key, item in dict.items(value):
            if not isinstance(key, str):
                raise _refusal(where, f"has a key of type {type(key).__name__}; the keys must be strings")
            if key == "$bytes":
                raise _refusal(where, 'has the key "$bytes", which would be read as bytes')
            form[_json_form(key, depth, where)] = _json_form(item, depth - 1, (*where, key))
        return form
    return _json_form(_scalar_of(value, where), depth, where)


def _scalar_of(value, where):
    """The number that a numpy scalar is; refuses everything else."""
    kind = type(value)
    if (getattr(kind, "__module__", "") or "").partition(".")[0] == "numpy" and getattr(value, "ndim", 1) == 0:
        number = value.item() if hasattr(kind, "item") else None
        if type(number) in (int, float, bool):
            return number
    remedy = _REMEDY_OF_KIND.get(kind.__name__) or next((told for name, told in _REMEDIES if hasattr(kind, name)), "")
    if remedy:
        remedy = f"; pass {remedy}"
    raise _refusal(where, f"is of type {kind.__name__}, which has no JSON form{remedy}")


# A data frame has both of the first two.
_REMEDIES = (
    ("to_records", '`.to_dict("records")`'), ("tolist", "`.tolist()`"), ("isoformat", "`.isoformat()`"),
    ("total_seconds", "`.total_seconds()`"), ("__dataclass_fields__", "`dataclasses.asdict(…)`"),
    ("__next__", "`list(…)`"), ("model_dump", '`.model_dump(mode="json")`'), ("__fspath__", "`str(…)`"),
)  # fmt: skip
_REMEDY_OF_KIND = {
    "set": "`sorted(…)` or `list(…)`", "frozenset": "`sorted(…)` or `list(…)`", "range": "`list(…)`",
    "dict_keys": "`list(…)`", "dict_values": "`list(…)`", "dict_items": "`dict(…)`", "deque": "`list(…)`",
    "Decimal": "`str(…)` or `float(…)`", "Fraction": "`str(…)` or `float(…)`", "UUID": "`str(…)`",
    "complex": "its real and imaginary parts", "complex128": "its real and imaginary parts",
    "longdouble": "`float(…)`", "datetime64": "`str(…)`", "timedelta64": "`str(…)`", "NAType": "None",
    "NaTType": "None",
}  # fmt: skip


def _refusal(where, reason):
    name, *steps = where
    if len(steps) > 6:
        steps = [*steps[:6], ...]
    path = "".join("[…]" if step is ... else f"[{_short(step)}]" for step in steps)
    return ToolArgumentError(f"argument {_short(name)}{path} {reason}")


def _short(step):
    text = ascii(str.__str__(step)) if isinstance(step, str) else str(step)
    return text if len(text) <= 64 else f"{text[:63]}…"
