"""Plain values: what an ``Outcome`` consists of, and what images and pools say of themselves.

Their fields are those of the JSON form, which is the same in every language. The native module makes
them by name; a field that one side lacks is an error at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Union

if TYPE_CHECKING:
    from sandcell._sandcell import Image, Outcome


@dataclass(frozen=True, slots=True)
class Status:
    """How a run ended. Which fields are set follows from ``kind``."""

    kind: str
    """``exited``, ``raised``, ``exceeded``, ``trapped``, ``cancelled`` or ``suspended``."""
    code: int | None = None
    """``exited``: the exit code; 0 is success."""
    type: str | None = None
    """``raised``: the exception's type."""
    message: str | None = None
    """``raised``: the exception's text."""
    traceback: str | None = None
    """``raised``: the traceback with the script's own file names and lines."""
    limit: str | None = None
    """``exceeded``: which limit."""
    reason: str | None = None
    """``trapped``: why."""
    calls: list[SuspendedCall] | None = None
    """``suspended``: the calls that wait for results."""
    token: str | None = None
    """``suspended``: what the run is resumed with."""

    def to_dict(self) -> dict[str, Any]:
        """What is set, by name; calls as they are."""
        return {name: value for name in self.__slots__ if (value := getattr(self, name)) is not None}


@dataclass(frozen=True, slots=True)
class SuspendedCall:
    """A call that a suspended run waits for."""

    id: int
    """The call's number in this run."""
    tool: str
    """The tool's name."""
    arguments: dict[str, Any]
    """The arguments, as the gate left them."""


def _suspended(calls: list[SuspendedCall], token: str) -> Status:
    return Status("suspended", calls=calls, token=token)


@dataclass(frozen=True, slots=True)
class ToolCallRecord:
    """One call of a tool."""

    tool: str
    """The tool's name as the guest gave it."""
    arguments_sha256: str
    """SHA-256 of the arguments' JSON, in hexadecimal."""
    request_bytes: int
    """Size of the request."""
    result_bytes: int
    """Size of the answer."""
    outcome: str
    """``ok``, ``suspended`` or the error's kind, such as ``denied``."""
    ms: float
    """How long it took."""
    rule: str | None = None
    """The rule of the policy that refused it, such as ``symbol.one_of``."""
    detail: str | None = None
    """What the tool or the gate said that the guest was not told."""


@dataclass(frozen=True, slots=True)
class ToolRecord:
    """The calls of tools in one run."""

    calls: list[ToolCallRecord] = field(default_factory=list)
    """The first thousand calls, in the order in which they ended."""
    counts: dict[str, int] = field(default_factory=dict)
    """How many calls ended how."""


def _tool_record(form: dict[str, Any]) -> ToolRecord:
    return ToolRecord([ToolCallRecord(**call) for call in form["calls"]], form["counts"])


@dataclass(frozen=True, slots=True)
class Usage:
    """What a run cost."""

    fuel: int = 0
    """WebAssembly instructions executed; bulk operations count their bytes."""
    wall_ms: float = 0.0
    """Wall-clock time of the run."""
    host_wait_ms: float = 0.0
    """The part of ``wall_ms`` spent waiting for the host: input, tools."""
    peak_memory_bytes: int = 0
    """The most linear memory held at once."""
    output_bytes: int = 0
    """Bytes written to standard output and standard error, also those dropped."""
    fs_bytes: int = 0
    """Bytes in use against ``fs_bytes`` at the end of the run."""
    host_calls: int = 0
    """Calls of host tools."""
    compile_ms: float = 0.0
    """Time spent compiling the program before it ran; no part of ``wall_ms``, 0 if it was compiled before."""
    compile_fuel: int = 0
    """What the compiler used; no part of ``fuel``."""


@dataclass(frozen=True, slots=True)
class Artifact:
    """A figure or another rich value that the guest made."""

    mime: str
    """Media type, such as ``image/png``."""
    name: str
    """A name that is unique in the outcome."""
    bytes: bytes = field(repr=False)
    """The content."""


@dataclass(frozen=True, slots=True)
class Denial:
    """Something the guest tried and was not allowed to do."""

    what: str
    """What kind of thing was refused: ``path``, ``tool`` or ``network``."""
    name: str
    """Its name, as the guest gave it, cut to 256 bytes."""
    operation: str
    """The operation that was refused."""


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """What a compiler or parser found in the program, in terms of the user's own files."""

    severity: Literal["error", "warning", "note"]
    """How bad it is; a note belongs to the finding before it."""
    message: str
    """What was found, in one sentence."""
    file: str | None = None
    """The file, as the caller named it."""
    line: int | None = None
    """The line, from 1."""
    column: int | None = None
    """The column, from 1, in characters."""
    code: str | None = None
    """What the compiler calls findings of this kind, such as ``-Wunused-variable``."""
    source: str | None = None
    """The lines of the source that it is about, as the compiler shows them."""


@dataclass(frozen=True, slots=True)
class Compilation:
    """What came of compiling a program."""

    image: Image | None
    """The command that was made, for ``Sandbox(image)``; none where ``status`` says why."""
    status: Status
    """``exited`` with code 0; ``raised`` as ``CompileError``; ``exceeded`` for a limit of the compiler."""
    diagnostics: list[Diagnostic]
    """What the compiler found, warnings too."""
    text: str
    """The same as a person reads it."""
    hint: str
    """One sentence that a model can act on; empty when there is nothing to say."""
    compile_ms: float
    """What it took; 0 where the same was compiled before."""
    compile_fuel: int
    """What the compiler used; 0 where the same was compiled before."""


@dataclass(frozen=True, slots=True)
class Language:
    """A language that programs are written in: a row of the table in docs/languages.md."""

    name: str
    """Its name, which also loads its image: ``Sandbox("typescript")``."""
    title: str
    """Its name as people write it."""
    extensions: tuple[str, ...]
    """What the names of its files end in, without the dot."""
    image: str
    """The image that runs it."""
    how: Literal["turn", "compile"]
    """How its programs are run."""


@dataclass(frozen=True, slots=True)
class FilesDiff:
    """Which files of memory mounts and overlays differ from before a run, or from the start: guest paths, sorted."""

    added: list[str] = field(default_factory=list)
    """Files and links that were not there."""
    changed: list[str] = field(default_factory=list)
    """Files whose content is another."""
    removed: list[str] = field(default_factory=list)
    """Files, links and folders that are gone."""
    truncated: bool = False
    """True when there are more than these lists may hold."""


@dataclass(frozen=True, slots=True)
class FileEntry:
    """One name in a folder of the guest's file tree."""

    path: str
    """Its guest path."""
    kind: str
    """``file``, ``directory``, ``symlink`` or ``other``."""
    size: int
    """Bytes of a file; 0 for everything else."""


@dataclass(frozen=True, slots=True)
class Listing:
    """What is in a folder of the guest's file tree, sorted by path."""

    entries: list[FileEntry] = field(default_factory=list)
    """At most 10,000."""
    truncated: bool = False
    """True when there is more, or a folder could not be read."""

    def __iter__(self) -> Iterator[FileEntry]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a build has come."""

    stage: str
    """``verify``, ``compile``, ``warm_up``, ``install`` or ``pack``."""
    done: int
    """Bytes of input dealt with in this stage."""
    total: int
    """Bytes of input of this stage."""


@dataclass(frozen=True, slots=True)
class ImageInfo:
    """What is known of a built image."""

    name: str
    """The name it is loaded by."""
    digest: str
    """What it was made from: SHA-256 over recipe, engine settings and version."""
    language: str
    """The language its programs are written in; ``wasm`` for a command module."""
    baseline: str | None
    """The CPU baseline that its code was compiled for; none if for the very CPU it was compiled on."""
    bytes: int
    """Size of its code and files on disk."""
    path: str
    """Where it lies; empty for a module that is not cached."""


@dataclass(frozen=True, slots=True)
class PoolMetrics:
    """What a pool holds, and what it has done so far."""

    ready: int
    live: int
    waiting: int
    capacity: int
    sandbox_bytes: int
    host_bytes: int
    acquired: int
    acquired_ready: int
    forks: int
    resets: int
    waits: int
    refused: int
    failures: int


@dataclass(frozen=True, slots=True)
class Output:
    """Event: the guest wrote to a stream."""

    stream: str
    """``stdout`` or ``stderr``."""
    bytes: bytes
    """What; not always whole characters or lines."""

    @property
    def text(self) -> str:
        """The same as text; bytes that are not UTF-8 become U+FFFD."""
        return self.bytes.decode("utf-8", "replace")


@dataclass(frozen=True, slots=True)
class OutputCut:
    """Event: from here on output of this stream is held back, and some of it will be dropped."""

    stream: str
    """``stdout`` or ``stderr``."""


@dataclass(frozen=True, slots=True)
class ToolCalled:
    """Event: the guest called a tool, which is allowed to run."""

    id: int
    """The call's number in this run."""
    tool: str
    """The tool's name."""
    arguments: dict[str, Any]
    """The arguments in their JSON form, as the gate left them."""


@dataclass(frozen=True, slots=True)
class ToolEnded:
    """Event: a call of a tool ended."""

    id: int
    """The call's number in this run."""
    tool: str
    """The tool's name."""
    outcome: str
    """``ok`` or the error's kind."""
    ms: float
    """How long it took."""


@dataclass(frozen=True, slots=True)
class FileChanged:
    """Event: the guest changed a file."""

    change: str
    """``written`` or ``removed``."""
    path: str
    """The guest path, as far as the guest's own calls tell."""


@dataclass(frozen=True, slots=True)
class ArtifactMade:
    """Event: the guest made a figure or another rich value."""

    artifact: Artifact
    """Which."""


@dataclass(frozen=True, slots=True)
class Ended:
    """Event: the run ended or was suspended; nothing follows."""

    outcome: Outcome
    """How."""


Event = Union[Output, OutputCut, ToolCalled, ToolEnded, FileChanged, ArtifactMade, Ended]

EVENTS: dict[str, type] = {
    "output_cut": OutputCut,
    "tool_call": ToolCalled,
    "tool_result": ToolEnded,
    "file": FileChanged,
}
