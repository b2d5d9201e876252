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

from sandcell import _sandcell, images
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
    Trapped,
)
from sandcell._executor import SandboxExecutor
from sandcell._sandcell import (
    Engine,
    Files,
    Image,
    Limits,
    Mount,
    Outcome,
    Policy,
    Pool,
    Sandbox,
    Snapshot,
    error_codes,
)
from sandcell._values import Artifact, Denial, FilesDiff, ImageInfo, PoolMetrics, Progress, Status, Usage

__version__ = _sandcell.VERSION

__all__ = [
    "Artifact",
    "Cancelled",
    "ConfigError",
    "ConfigTypeError",
    "Denial",
    "Engine",
    "ExitFailed",
    "Files",
    "FilesDiff",
    "HostError",
    "Image",
    "ImageInfo",
    "InternalError",
    "LibraryError",
    "LimitExceeded",
    "Limits",
    "ModuleError",
    "Mount",
    "Outcome",
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
    "Trapped",
    "Usage",
    "__version__",
    "error_codes",
    "images",
]

# Before the interpreter is taken apart: cancels what runs and waits until it is back.
_atexit.register(_sandcell._end)
