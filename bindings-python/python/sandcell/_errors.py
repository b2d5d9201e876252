"""Exceptions. Errors of the library are facts with a stable ``code``; a script's failure is an
``Outcome`` and becomes an exception only when ``Outcome.check`` is called."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sandcell._sandcell import Outcome


class SandcellError(Exception):
    """What everything that sandcell raises has in common."""

    code: str
    """The stable name of what went wrong, from the table in docs/errors.md."""
    hint: str
    """One sentence that names the remedy."""


class LibraryError(SandcellError):
    """The library could not do what it was asked to. Never the guest's fault."""

    number: int
    """The code's stable number."""

    def __init__(self, message: str, code: str = "internal", number: int = 900, hint: str = "") -> None:
        super().__init__(message, code, number, hint)
        self.code = code
        self.number = number
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.args[0]} [{self.code}]"


class ConfigError(LibraryError, ValueError):
    """The caller passed something that cannot be used: change the call."""


class ConfigTypeError(ConfigError, TypeError):
    """An argument has an unknown name or a wrong type."""


class ModuleError(LibraryError):
    """The guest module cannot be run here: change the module."""


class HostError(LibraryError):
    """The machine or its files failed: change the environment."""


class InternalError(LibraryError):
    """A defect in sandcell: report it."""


class ToolError(SandcellError):
    """Raised by a tool: the guest reads the message. Of any other exception it learns only that the tool
    failed; the exception's own words go into ``Outcome.tool_calls``."""

    detail: str | None
    """What only the host learns."""

    def __init__(self, message: str, *, detail: str | None = None, kind: str = "tool_error") -> None:
        super().__init__(message)
        self.code = kind
        self.hint = ""
        self.detail = detail

    @classmethod
    def denied(cls, message: str, *, detail: str | None = None) -> ToolError:
        """The tool refuses the call."""
        return cls(message, detail=detail, kind="denied")

    @classmethod
    def invalid_arguments(cls, message: str, *, detail: str | None = None) -> ToolError:
        """The arguments cannot be used."""
        return cls(message, detail=detail, kind="invalid_arguments")


class RunFailed(SandcellError):
    """A program did not succeed; raised by ``Outcome.check`` only.

    ``code`` is the kind of its status: ``exited``, ``raised``, ``exceeded``, ``trapped``, …
    """

    outcome: Outcome
    """How it ended, what it printed, what it cost."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome)
        self.outcome = outcome
        self.code = outcome.status.kind
        self.hint = outcome.hint

    def __str__(self) -> str:
        return " ".join(part for part in (_sentence(self.outcome), self.hint) if part)


class ExitFailed(RunFailed):
    """The guest ended by itself with a code other than 0."""


class ScriptRaised(RunFailed):
    """The script raised an exception that it did not catch."""


class LimitExceeded(RunFailed):
    """A limit was exceeded; ``outcome.status.limit`` names it."""


class Trapped(RunFailed):
    """The guest stopped abnormally."""


class Cancelled(RunFailed):
    """The run was cancelled."""


class Suspended(RunFailed):
    """The run is suspended: its calls wait for ``Sandbox.resume``."""


_BY_KIND: dict[str, type[RunFailed]] = {
    "exited": ExitFailed,
    "raised": ScriptRaised,
    "exceeded": LimitExceeded,
    "trapped": Trapped,
    "cancelled": Cancelled,
    "suspended": Suspended,
}


def wrong_type(argument: str, expected: str, given: object) -> ConfigTypeError:
    """The error about an argument of another type than the one expected."""
    message = f"argument `{argument}`: expected {expected}, not {type(given).__name__}"
    return ConfigTypeError(message, "document_invalid", 107)


def _failure(outcome: Outcome) -> RunFailed:
    """The exception for an outcome that is no success. Called by the native module."""
    return _BY_KIND.get(outcome.status.kind, RunFailed)(outcome)


def _sentence(outcome: Any) -> str:
    status = outcome.status
    if status.kind == "exited":
        return f"the program exited with code {status.code}"
    if status.kind == "raised":
        return str(status.traceback or f"{status.type}: {status.message}").rstrip()
    if status.kind == "exceeded":
        return f"the program exceeded `{status.limit}`"
    if status.kind == "trapped":
        return f"the program trapped: {status.reason}"
    return f"the run was {status.kind}"
