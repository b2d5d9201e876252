"""A progress bar on standard error, without any package."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from sandcell._values import Progress

_WIDTH = 24
_EVERY_S = 0.1


class Bar:
    """Draws how far a build has come on one line. Says nothing unless ``stream`` is a terminal.

    A ``progress`` hook of your own is any function that takes a ``Progress``.
    """

    def __init__(self, title: str, stream: TextIO | None = None) -> None:
        self._title = title
        self._stream = sys.stderr if stream is None else stream
        self._silent = not (self._stream is not None and self._stream.isatty())
        self._began = time.monotonic()
        self._next = 0.0
        self._stage = ""
        self._drawn = False

    def __call__(self, progress: Progress) -> None:
        now = time.monotonic()
        if self._silent or (progress.stage == self._stage and now < self._next):
            return
        self._next = now + _EVERY_S
        self._stage = progress.stage
        share = min(progress.done / progress.total, 1.0) if progress.total else 0.0
        full = round(share * _WIDTH)
        bar = "#" * full + "." * (_WIDTH - full)
        line = f"{self._title}: {progress.stage:<8} [{bar}] {share:4.0%} {now - self._began:4.0f} s"
        self._stream.write(f"\r{line}\x1b[K")
        self._stream.flush()
        self._drawn = True

    def close(self) -> None:
        """Ends the line."""
        if self._drawn:
            self._stream.write("\n")
            self._stream.flush()
            self._drawn = False

    def __enter__(self) -> Bar:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()
