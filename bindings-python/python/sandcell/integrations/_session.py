"""What the adapters share: one session that runs the code of a model and answers in words for it."""

from __future__ import annotations

from typing import Any

from sandcell._display import text
from sandcell._sandcell import Outcome, Sandbox

DESCRIPTION = """\
Runs Python code in an isolated session that has numpy, pandas, scipy, scikit-learn and matplotlib. Variables, \
imports and files stay from call to call. Returns what the code printed and the value of its last expression."""


class Session:
    """Runs programs in one sandbox. After a limit has ended it, the next program gets a new one."""

    def __init__(self, image: Any = "python", **sandbox: Any) -> None:
        self._image = image
        self._arguments = sandbox
        self._box: Sandbox | None = None
        self.last: Outcome | None = None
        """The outcome of the last program, with its figures and its bill."""

    def run(self, code: str) -> str:
        """Runs the code and says what came of it.

        Args:
            code: Python source code
        """
        return self._say(self._sandbox().run(code))

    async def run_async(self, code: str) -> str:
        """Runs the code and says what came of it.

        Args:
            code: Python source code
        """
        return self._say(await self._sandbox().run_async(code))

    def close(self) -> None:
        """Gives the sandbox back."""
        if self._box is not None:
            self._box.close()
        self._box = None

    def _sandbox(self) -> Sandbox:
        if self._box is None:
            self._box = Sandbox(self._image, **self._arguments)
        return self._box

    def _say(self, outcome: Outcome) -> str:
        self.last = outcome
        said = text(outcome)
        if outcome.status.kind in ("exceeded", "trapped", "cancelled", "suspended"):
            self.close()
            said += "\nThe session has ended: variables are gone."
        return said or "(no output)"
