"""Runs code that nobody has reviewed inside your own process, with nothing reachable that was not handed over.

    from sandcell import Sandbox

    with Sandbox("python", memory_bytes="256MiB", deadline_ms=5_000) as box:
        out = box.run("sum(range(10))")
        print(out.result, out.usage.wall_ms)

A script that raises, a limit that is exceeded and a trap are outcomes: data. An exception is about your
call or your machine, never about the guest; see docs/python.md.
"""

from __future__ import annotations

import atexit as _atexit
import os as _os

from sandcell import _asyncio, _sandcell, images
from sandcell._errors import (
    Cancelled,
    ConfigError,
    ConfigTypeError,
    ExitFailed,
    HostError,
    InternalError,
    LibraryError,
    LimitExceeded,
    ModuleError,
    RunFailed,
    SandcellError,
    ScriptRaised,
    Suspended,
    ToolError,
    Trapped,
)
from sandcell._executor import SandboxExecutor
from sandcell._sandcell import (
    Engine,
    Events,
    Files,
    Image,
    Limits,
    Mount,
    Outcome,
    Policy,
    Pool,
    Sandbox,
    Snapshot,
    Tool,
    error_codes,
    language_of,
    languages,
)
from sandcell._tools import PENDING, ToolCall, tool
from sandcell._values import (
    Artifact,
    ArtifactMade,
    Denial,
    Diagnostic,
    Ended,
    Event,
    FileChanged,
    FilesDiff,
    ImageInfo,
    Language,
    Output,
    OutputCut,
    PoolMetrics,
    Progress,
    Status,
    SuspendedCall,
    ToolCalled,
    ToolCallRecord,
    ToolEnded,
    ToolRecord,
    Usage,
)

__version__ = _sandcell.VERSION

__all__ = [
    "Artifact",
    "ArtifactMade",
    "Cancelled",
    "ConfigError",
    "ConfigTypeError",
    "Denial",
    "Diagnostic",
    "Ended",
    "Engine",
    "Event",
    "Events",
    "ExitFailed",
    "FileChanged",
    "Files",
    "FilesDiff",
    "HostError",
    "Image",
    "ImageInfo",
    "InternalError",
    "Language",
    "LibraryError",
    "LimitExceeded",
    "Limits",
    "ModuleError",
    "Mount",
    "Outcome",
    "Output",
    "OutputCut",
    "PENDING",
    "Policy",
    "Pool",
    "PoolMetrics",
    "Progress",
    "RunFailed",
    "Sandbox",
    "SandboxExecutor",
    "SandcellError",
    "ScriptRaised",
    "Snapshot",
    "Status",
    "Suspended",
    "SuspendedCall",
    "Tool",
    "ToolCall",
    "ToolCallRecord",
    "ToolCalled",
    "ToolEnded",
    "ToolError",
    "ToolRecord",
    "Trapped",
    "Usage",
    "__version__",
    "error_codes",
    "images",
    "language_of",
    "languages",
    "tool",
]

# Before the interpreter is taken apart: cancels what runs and waits until it is back.
_atexit.register(_sandcell._end)
_os.register_at_fork(after_in_child=_asyncio._forget_background_loop)
