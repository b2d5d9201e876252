"""OpenAI Agents SDK: a function tool that runs Python. Extra ``sandcell[openai-agents]``."""

from __future__ import annotations

from typing import Any

from agents import FunctionTool, function_tool

from sandcell.integrations._session import DESCRIPTION, Session


def python_tool(
    *, name: str = "python", description: str = DESCRIPTION, session: Session | None = None, **sandbox: Any
) -> FunctionTool:
    """A tool with one argument, ``code``; ``sandbox`` are arguments of ``Sandbox``.

    Give a ``Session`` of your own to look at ``session.last`` or to close it.
    """
    session = session if session is not None else Session(**sandbox)
    return function_tool(session.run_async, name_override=name, description_override=description)
