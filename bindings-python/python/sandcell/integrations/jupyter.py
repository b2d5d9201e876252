"""Jupyter: ``%load_ext sandcell.integrations.jupyter``, then cells that begin with ``%%sandcell``."""

from __future__ import annotations

import shlex
from typing import Any

from sandcell._sandcell import Sandbox

_sessions: dict[str, Sandbox] = {}


def load_ipython_extension(shell: Any) -> None:
    """Registers the magic. Called by IPython."""
    shell.register_magic_function(_cell, "cell", "sandcell")


def unload_ipython_extension(shell: Any) -> None:
    """Gives the sessions back. Called by IPython."""
    for box in _sessions.values():
        box.close()
    _sessions.clear()


def _cell(line: str, cell: str) -> Any:
    """``%%sandcell [IMAGE] [LIMIT=VALUE…]``: runs the cell in the session of that image and shows its outcome.

    The session lives on from cell to cell; a limit on the line, or the word ``new``, begins a new one.
    """
    image = "python"
    limits: dict[str, Any] = {}
    fresh = False
    for word in shlex.split(line):
        name, equals, value = word.partition("=")
        if equals:
            limits[name] = value
        elif word == "new":
            fresh = True
        else:
            image = word
    box = _sessions.get(image)
    if box is None or fresh or limits:
        if box is not None:
            box.close()
        box = _sessions[image] = Sandbox(image, **limits)
    out = box.run(cell)
    if out.status.kind in ("exceeded", "trapped", "cancelled"):
        # The session has ended with it; the next cell begins a new one.
        _sessions.pop(image).close()
    return out
