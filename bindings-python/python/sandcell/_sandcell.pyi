"""The native half of the package."""

from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator, Mapping
from datetime import timedelta
from os import PathLike
from types import TracebackType
from typing import Any, Final, Literal, SupportsIndex, final

from typing_extensions import Self, TypeAlias, Unpack

from sandcell._limit_keys import LimitKeys
from sandcell._tools import ToolCall
from sandcell._values import (
    Artifact,
    Denial,
    Compilation,
    Diagnostic,
    Event,
    FilesDiff,
    ImageInfo,
    Language,
    Listing,
    PoolMetrics,
    Progress,
    Status,
    ToolRecord,
    Usage,
)

_Path: TypeAlias = str | PathLike[str]
_Bytes: TypeAlias = int | str
_Time: TypeAlias = int | str | timedelta
_Access: TypeAlias = Literal["ro", "rw"]
_Clock: TypeAlias = Literal["real", "frozen"] | int
_Content: TypeAlias = bytes | bytearray | str
_Hook: TypeAlias = Callable[[Progress], object]
_Json: TypeAlias = dict[str, Any]
_Tools: TypeAlias = Iterable[Tool | Callable[..., Any]]
_Gate: TypeAlias = Callable[[ToolCall], Any]

__all__ = [
    "VERSION",
    "Engine",
    "Events",
    "Files",
    "Image",
    "Job",
    "Limits",
    "Mount",
    "Outcome",
    "Policy",
    "Pool",
    "Sandbox",
    "Snapshot",
    "Tool",
    "Workspace",
    "_command",
    "_end",
    "error_codes",
    "language_of",
    "languages",
]

VERSION: Final[str]

def error_codes() -> list[_Json]: ...
def language_of(path: _Path) -> Language | None: ...
def languages() -> list[Language]: ...
def _command(args: list[str]) -> int: ...
def _end() -> None: ...

@final
class Engine:
    def __new__(
        cls,
        *,
        cache: _Path | Literal[False] | None = None,
        stack_bytes: _Bytes | None = None,
        explicit_traps: bool = False,
        verify_resets: bool = False,
    ) -> Self: ...
    @staticmethod
    def default() -> Engine: ...
    @property
    def cache(self) -> Any: ...
    @property
    def reset_path(self) -> str: ...
    def __reduce__(self) -> Any: ...

@final
class Image:
    @staticmethod
    def load(name: str, *, engine: Engine | None = None) -> Image: ...
    @staticmethod
    def command(
        module: _Content, *, name: str = "module", limits: Limits | None = None, engine: Engine | None = None
    ) -> Image: ...
    @staticmethod
    def build(name: str, source: _Path, *, progress: _Hook | None = None, engine: Engine | None = None) -> Image: ...
    @staticmethod
    def source_of(name: str) -> dict[str, str]: ...
    @staticmethod
    def recipes() -> list[str]: ...
    @staticmethod
    def list(*, engine: Engine | None = None) -> list[ImageInfo]: ...
    @staticmethod
    def remove(name: str, *, engine: Engine | None = None) -> None: ...
    @staticmethod
    def verify(name: str, *, engine: Engine | None = None) -> None: ...
    @staticmethod
    def export(
        name: str,
        path: _Path,
        *,
        key: bytes | None = None,
        progress: _Hook | None = None,
        engine: Engine | None = None,
    ) -> str: ...
    @staticmethod
    def import_archive(
        path: _Path,
        *,
        sha256: str | None = None,
        key: bytes | None = None,
        limits: Limits | None = None,
        progress: _Hook | None = None,
        engine: Engine | None = None,
    ) -> Image: ...
    def cc(
        self,
        code: str | None = None,
        *,
        files: Mapping[str, _Content] | _Path | None = None,
        entry: str | None = None,
        name: str | None = None,
        flags: Iterable[str] | None = None,
        compile_limits: LimitKeys | None = None,
    ) -> Compilation: ...
    def derive(
        self,
        name: str,
        *,
        setup: str = "",
        files: Mapping[str, _Content] | None = None,
        progress: _Hook | None = None,
    ) -> Image: ...
    @property
    def name(self) -> str: ...
    @property
    def info(self) -> ImageInfo: ...
    def __reduce__(self) -> Any: ...

@final
class Limits:
    def __new__(cls, **limits: Unpack[LimitKeys]) -> Self: ...
    def replace(self, **limits: Unpack[LimitKeys]) -> Limits: ...
    def to_dict(self) -> dict[str, int]: ...
    @staticmethod
    def table() -> list[_Json]: ...
    @staticmethod
    def _from_dict(limits: dict[str, int]) -> Limits: ...
    def __getattr__(self, name: str, /) -> int: ...
    def __dir__(self) -> list[str]: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...
    def __reduce__(self) -> Any: ...

@final
class Mount:
    @staticmethod
    def host(host: _Path, guest: str, access: _Access = "ro", *, symlinks: bool = False) -> Mount: ...
    @staticmethod
    def overlay(host: _Path, guest: str) -> Mount: ...
    @staticmethod
    def memory(guest: str, files: dict[str, _Content] | None = None, access: _Access = "rw") -> Mount: ...
    @property
    def guest(self) -> str: ...
    def to_dict(self) -> _Json: ...
    @staticmethod
    def _from_json(text: str) -> Mount: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...
    def __reduce__(self) -> Any: ...

@final
class Policy:
    def __new__(
        cls,
        *,
        mounts: Iterable[Mount] | None = None,
        env: dict[str, str] | None = None,
        clock: _Clock | None = None,
        seed: SupportsIndex | None = None,
        tools: _Json | None = None,
    ) -> Self: ...
    @staticmethod
    def from_json(document: str | _Json) -> Policy: ...
    def to_json(self) -> str: ...
    def to_dict(self) -> _Json: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...
    def __reduce__(self) -> Any: ...

@final
class Outcome:
    @property
    def status(self) -> Status: ...
    @property
    def ok(self) -> bool: ...
    @property
    def text(self) -> str: ...
    @property
    def stdout(self) -> bytes: ...
    @property
    def stdout_truncated(self) -> bool: ...
    @property
    def stderr(self) -> bytes: ...
    @property
    def stderr_truncated(self) -> bool: ...
    @property
    def stderr_text(self) -> str: ...
    @property
    def result(self) -> Any: ...
    @property
    def result_truncated(self) -> bool: ...
    @property
    def artifacts(self) -> list[Artifact]: ...
    @property
    def files(self) -> FilesDiff: ...
    @property
    def denials(self) -> list[Denial]: ...
    @property
    def diagnostics(self) -> list[Diagnostic]: ...
    @property
    def tool_calls(self) -> ToolRecord: ...
    @property
    def usage(self) -> Usage: ...
    @property
    def hint(self) -> str: ...
    def check(self) -> Outcome: ...
    def to_json(self) -> str: ...
    def to_dict(self) -> _Json: ...
    @staticmethod
    def from_json(document: str | _Json) -> Outcome: ...
    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> _Json: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...
    def __reduce__(self) -> Any: ...

@final
class Sandbox:
    def __new__(
        cls,
        image: str | Image | None = None,
        *,
        engine: Engine | None = None,
        policy: Policy | None = None,
        limits: Limits | None = None,
        mounts: Iterable[Mount] | None = None,
        env: dict[str, str] | None = None,
        clock: _Clock | None = None,
        seed: SupportsIndex | None = None,
        tools: _Tools | None = None,
        gate: _Gate | None = None,
        compile_limits: LimitKeys | None = None,
        **limit: Unpack[LimitKeys],
    ) -> Self: ...
    def run(
        self,
        code: str | None = None,
        *,
        files: Mapping[str, _Content] | _Path | None = None,
        entry: str | None = None,
        args: Iterable[str] | None = None,
        name: str | None = None,
        stdin: Any = None,
        flags: Iterable[str] | None = None,
    ) -> Outcome: ...
    def run_to_end(
        self,
        code: str | None = None,
        *,
        files: Mapping[str, _Content] | _Path | None = None,
        entry: str | None = None,
        args: Iterable[str] | None = None,
        name: str | None = None,
        stdin: Any = None,
        flags: Iterable[str] | None = None,
    ) -> Outcome: ...
    def run_async(
        self,
        code: str | None = None,
        *,
        files: Mapping[str, _Content] | _Path | None = None,
        entry: str | None = None,
        args: Iterable[str] | None = None,
        name: str | None = None,
        stdin: Any = None,
        flags: Iterable[str] | None = None,
    ) -> Coroutine[Any, Any, Outcome]: ...
    def follow(
        self,
        code: str | None = None,
        *,
        files: Mapping[str, _Content] | _Path | None = None,
        entry: str | None = None,
        args: Iterable[str] | None = None,
        name: str | None = None,
        stdin: Any = None,
        flags: Iterable[str] | None = None,
    ) -> Events: ...
    def follow_to_end(
        self,
        code: str | None = None,
        *,
        files: Mapping[str, _Content] | _Path | None = None,
        entry: str | None = None,
        args: Iterable[str] | None = None,
        name: str | None = None,
        stdin: Any = None,
        flags: Iterable[str] | None = None,
    ) -> Events: ...
    def resume(self, run: Outcome | str, results: dict[int, Any]) -> Outcome: ...
    def resume_async(self, run: Outcome | str, results: dict[int, Any]) -> Coroutine[Any, Any, Outcome]: ...
    def resume_following(self, run: Outcome | str, results: dict[int, Any]) -> Events: ...
    def discard(self) -> None: ...
    def cancel(self) -> bool: ...
    def finish(self) -> Outcome: ...
    def close(self) -> None: ...
    @property
    def closed(self) -> bool: ...
    def snapshot(self) -> Snapshot: ...
    def fork(self) -> Sandbox: ...
    @property
    def files(self) -> Files: ...
    @property
    def image(self) -> Image: ...
    @property
    def limits(self) -> Limits: ...
    @property
    def policy(self) -> Policy: ...
    def __enter__(self) -> Self: ...
    def __exit__(self, *exception: type[BaseException] | BaseException | TracebackType | None) -> None: ...
    def __aenter__(self) -> Coroutine[Any, Any, Self]: ...
    def __aexit__(
        self, *exception: type[BaseException] | BaseException | TracebackType | None
    ) -> Coroutine[Any, Any, None]: ...
    def __reduce__(self) -> Any: ...

@final
class Events(Iterator[Event], AsyncIterator[Event]):
    def __iter__(self) -> Self: ...
    def __next__(self) -> Event: ...
    def __aiter__(self) -> Self: ...
    def __anext__(self) -> Coroutine[Any, Any, Event]: ...
    def _ready(self) -> Job: ...
    def _take(self) -> Event | None: ...
    def close(self) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(self, *exception: type[BaseException] | BaseException | TracebackType | None) -> None: ...

@final
class Tool:
    @staticmethod
    def _of(
        name: str,
        call: Callable[..., Any] | None,
        *,
        is_async: bool,
        blocking: bool,
        description: str,
        input_schema: _Json,
        output_schema: _Json | None,
        hints: dict[str, bool],
        timeout_ms: _Time | None,
    ) -> Tool: ...
    @property
    def name(self) -> str: ...
    def declaration(self, language: Literal["python", "typescript"] = "python") -> str: ...
    def __reduce__(self) -> Any: ...

@final
class Files:
    def read(self, path: str) -> bytes: ...
    def read_text(self, path: str) -> str: ...
    def write(self, path: str, content: _Content) -> None: ...
    def list(self, path: str = "/", *, recursive: bool = False) -> Listing: ...
    def diff(self) -> FilesDiff: ...
    def export(self, mount: str, to: _Path) -> FilesDiff: ...
    def copy(self, path: str, to: _Path) -> Listing: ...

@final
class Workspace:
    def __new__(
        cls,
        *,
        engine: Engine | None = None,
        policy: Policy | None = None,
        limits: Limits | None = None,
        mounts: Iterable[Mount] | None = None,
        env: dict[str, str] | None = None,
        clock: _Clock | None = None,
        seed: SupportsIndex | None = None,
        **limit: Unpack[LimitKeys],
    ) -> Self: ...
    def sandbox(
        self, image: str | Image | None = None, *, tools: _Tools | None = None, gate: _Gate | None = None
    ) -> Sandbox: ...
    def session(self, image: str | None = None) -> Sandbox: ...
    def run(
        self,
        image: str,
        code: str | None = None,
        *,
        files: Mapping[str, _Content] | _Path | None = None,
        entry: str | None = None,
        args: Iterable[str] | None = None,
        name: str | None = None,
        stdin: Any = None,
        flags: Iterable[str] | None = None,
    ) -> Outcome: ...
    def run_async(
        self,
        image: str,
        code: str | None = None,
        *,
        files: Mapping[str, _Content] | _Path | None = None,
        entry: str | None = None,
        args: Iterable[str] | None = None,
        name: str | None = None,
        stdin: Any = None,
        flags: Iterable[str] | None = None,
    ) -> Coroutine[Any, Any, Outcome]: ...
    def fork(self) -> Workspace: ...
    @property
    def files(self) -> Files: ...
    @property
    def limits(self) -> Limits: ...
    @property
    def policy(self) -> Policy: ...
    def __reduce__(self) -> Any: ...

@final
class Snapshot:
    def fork(
        self,
        *,
        policy: Policy | None = None,
        limits: Limits | None = None,
        mounts: Iterable[Mount] | None = None,
        env: dict[str, str] | None = None,
        clock: _Clock | None = None,
        seed: SupportsIndex | None = None,
        tools: _Tools | None = None,
        gate: _Gate | None = None,
        reseed: bool = False,
        **limit: Unpack[LimitKeys],
    ) -> Sandbox: ...
    def fork_many(self, count: int) -> list[Sandbox]: ...
    def to_bytes(self, key: bytes | None = None) -> bytes: ...
    @staticmethod
    def from_bytes(
        data: bytes,
        *,
        image: str | Image | None = None,
        key: bytes | None = None,
        limits: Limits | None = None,
        engine: Engine | None = None,
    ) -> Snapshot: ...
    def save(self, path: _Path, key: bytes | None = None) -> None: ...
    @staticmethod
    def load(
        path: _Path,
        *,
        image: str | Image | None = None,
        key: bytes | None = None,
        limits: Limits | None = None,
        engine: Engine | None = None,
    ) -> Snapshot: ...
    @property
    def image(self) -> Image: ...
    @property
    def limits(self) -> Limits: ...
    @staticmethod
    def _unpickle(image: str, data: bytes, policy: str, limits: dict[str, int]) -> Snapshot: ...
    def __reduce__(self) -> Any: ...

@final
class Pool:
    def __new__(
        cls,
        image: str | Image | None = None,
        *,
        engine: Engine | None = None,
        policy: Policy | None = None,
        limits: Limits | None = None,
        mounts: Iterable[Mount] | None = None,
        env: dict[str, str] | None = None,
        clock: _Clock | None = None,
        seed: SupportsIndex | None = None,
        tools: _Tools | None = None,
        gate: _Gate | None = None,
        compile_limits: LimitKeys | None = None,
        max_sandboxes: int | None = None,
        max_host_bytes: _Bytes | None = None,
        max_ready: int | None = None,
        **limit: Unpack[LimitKeys],
    ) -> Self: ...
    def acquire(self, within: _Time | None = None) -> Sandbox: ...
    def acquire_async(self, within: _Time | None = None) -> Coroutine[Any, Any, Sandbox]: ...
    def metrics(self) -> PoolMetrics: ...
    def tend(self) -> None: ...
    def close(self) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(self, *exception: type[BaseException] | BaseException | TracebackType | None) -> None: ...
    def __reduce__(self) -> Any: ...

@final
class Job:
    def start(self, done: Callable[[Any, BaseException | None], object]) -> None: ...
    def cancel(self) -> bool: ...
