"""smolagents: ``CodeAgent(executor=SandcellExecutor(…))``. Extra ``sandcell[smolagents]``."""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping
from typing import Any

from smolagents.local_python_executor import (  # type: ignore[import-untyped, unused-ignore]
    CodeOutput,
    InterpreterError,
    PythonExecutor,
)

from sandcell._sandcell import Outcome, Sandbox, Snapshot, Tool
from sandcell._tools import plain, tool

_TYPES = {"string": "string", "integer": "integer", "number": "number", "boolean": "boolean", "array": "array", "object": "object", "null": "null"}
_PRELUDE = """
class FinalAnswer(BaseException):
    pass

def final_answer(answer=None, **named):
    from host import tools
    answer = next(iter(named.values()), answer)
    try:
        tools.final_answer(answer=answer)
    except TypeError:
        tools.final_answer(answer=str(answer))
    raise FinalAnswer
"""
_VARIABLES = "import json as _json, sys as _sys\nglobals().update(_json.load(_sys.stdin))\ndel _json, _sys\n"


class SandcellExecutor(PythonExecutor):  # type: ignore[misc, unused-ignore]
    """Runs the code of a ``CodeAgent`` in one sandbox, whose state stays from step to step.

    The agent's tools are tools of the sandbox: they run here, the code does not. A step that exceeds a limit
    fails, and the next one goes on from the state before it.

    ``authorized_imports`` refuses other imports with the message that smolagents has for it; ``None`` refuses
    none, since the sandbox is the boundary and not this list. ``sandbox`` are arguments of ``Sandbox``.
    """

    def __init__(self, image: Any = "python", *, authorized_imports: list[str] | None = None, **sandbox: Any) -> None:
        self.state: dict[str, Any] = {}
        self._image = image
        self._authorized = authorized_imports
        self._arguments = sandbox
        self._tools: list[Tool] = []
        self._names: list[str] = []
        self._box: Sandbox | None = None
        self._last: Snapshot | None = None
        self._answer: list[Any] = []

    def send_tools(self, tools: Mapping[str, Any]) -> None:
        """Hands the agent's tools over. The state of the session stays."""
        made = [_tool(name, each) for name, each in tools.items() if name != "final_answer"]
        made.append(self._final_answer(tools.get("final_answer")))
        self._tools, self._names = made, [each.name for each in made]
        if self._box is not None:
            self._box = self._swap(self._box.snapshot())

    def send_variables(self, variables: Mapping[str, Any]) -> None:
        """Sets variables of the session. They need a JSON form."""
        if not variables:
            return
        text = json.dumps(dict(variables), default=plain)
        self._session().run(_VARIABLES, stdin=text).check()

    def __call__(self, code_action: str) -> CodeOutput:
        """Runs one step."""
        self._check_imports(code_action)
        box = self._session()
        self._last = box.snapshot()
        self._answer.clear()
        out = box.run(code_action)
        logs = out.text + out.stderr_text if out.status.kind != "raised" else out.text
        self.state["_print_outputs"] = logs
        if self._answer and out.status.type == "FinalAnswer":
            return CodeOutput(output=self._answer[-1], logs=logs, is_final_answer=True)
        if not out.ok:
            if out.status.kind != "raised":
                self._box = self._swap(self._last)
            raise InterpreterError(_words(out))
        return CodeOutput(output=out.result, logs=logs, is_final_answer=False)

    def cleanup(self) -> None:
        """Gives the sandbox back."""
        if self._box is not None:
            self._box.close()
        self._box = self._last = None

    def _session(self) -> Sandbox:
        if self._box is None:
            self._box = Sandbox(self._image, tools=self._tools or [self._final_answer(None)], **self._arguments)
            self._box.run(_PRELUDE).check()
        return self._box

    def _swap(self, snapshot: Snapshot) -> Sandbox:
        if self._box is not None:
            self._box.close()
        return snapshot.fork(tools=self._tools)

    def _final_answer(self, given: Any) -> Tool:
        def final_answer(answer: Any = None) -> None:
            """Ends the task with an answer."""
            self._answer.append(answer if given is None else given(answer))

        return tool(final_answer)

    def _check_imports(self, code: str) -> None:
        if self._authorized is None or "*" in self._authorized:
            return
        try:
            tree = ast.parse(code)
        except SyntaxError:
            return  # The guest will say so.
        for node in ast.walk(tree):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.module:
                names = [node.module]
            for name in names:
                if not any(name == allowed or name.startswith(f"{allowed}.") for allowed in self._authorized):
                    raise InterpreterError(f"Import of {name} is not allowed. Authorized imports are: {self._authorized}")


def _tool(name: str, each: Any) -> Tool:
    inputs = getattr(each, "inputs", None) or {}
    properties = {key: _schema(value) for key, value in inputs.items()}
    required = [key for key, value in inputs.items() if not value.get("nullable")]

    def call(**arguments: Any) -> Any:
        return each(**arguments)

    return tool(
        name=name,
        description=getattr(each, "description", "") or "",
        input_schema={"type": "object", "properties": properties, "required": required, "additionalProperties": not inputs},
    )(call)


def _schema(given: Mapping[str, Any]) -> dict[str, Any]:
    kinds = given.get("type")
    kinds = [kinds] if isinstance(kinds, str) else list(kinds or [])
    schema: dict[str, Any] = {}
    if kinds and all(kind in _TYPES for kind in kinds):
        kinds = [*kinds, "null"] if given.get("nullable") and "null" not in kinds else kinds
        schema["type"] = kinds[0] if len(kinds) == 1 else kinds
    if given.get("description"):
        schema["description"] = given["description"]
    return schema


def _words(out: Outcome) -> str:
    status = out.status
    if status.kind == "raised":
        return f"{status.type}: {status.message}\n{status.traceback}"
    return " ".join(part for part in (f"The step ended as {status.kind}.", out.hint) if part)
