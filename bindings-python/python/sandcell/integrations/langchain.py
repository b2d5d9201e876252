"""LangChain and LangGraph: a tool that runs Python. Extra ``sandcell[langchain]``."""

from __future__ import annotations

from typing import Any

from langchain_core.tools import StructuredTool

from sandcell.integrations._session import DESCRIPTION, Session


def python_tool(*, name: str = "python", description: str = DESCRIPTION, **sandbox: Any) -> StructuredTool:
    """A tool with one argument, ``code``; ``sandbox`` are arguments of ``Sandbox``.

    Its calls share one session, which ``tool.metadata["session"]`` holds: ``session.last`` is the last
    outcome, ``session.close()`` gives the sandbox back.
    """
    session = Session(**sandbox)
    return StructuredTool.from_function(
        func=session.run,
        coroutine=session.run_async,
        name=name,
        description=description,
        metadata={"session": session},
    )
