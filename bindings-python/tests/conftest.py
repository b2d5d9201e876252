"""Where things lie, and what many tests share."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

import sandcell

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def uncached() -> sandcell.Engine:
    """For small modules: compiling them is faster than a cache."""
    return sandcell.Engine(cache=False)


@pytest.fixture
def box() -> Iterator[sandcell.Sandbox]:
    with sandcell.Sandbox("python") as box:
        yield box


@pytest.fixture(scope="session")
def forever(uncached: sandcell.Engine) -> sandcell.Image:
    """A guest that computes until it is stopped."""
    return sandcell.Image.command((ROOT / "guests/wat/loop_forever.wat").read_bytes(), engine=uncached)


@pytest.fixture
def ctrl_c() -> Iterator[None]:
    """Ctrl-C as in a terminal: a shell that starts tests in the background ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="session")
def ran() -> Iterator[list[str]]:
    """What was run of the conformance cases, a line for each; kept for the table of parity if that is wanted."""
    lines: list[str] = []
    yield lines
    if folder := os.environ.get("SANDCELL_PARITY_RECORDS"):
        Path(folder).mkdir(parents=True, exist_ok=True)
        (Path(folder) / "python.all").write_text("\n".join(lines))
