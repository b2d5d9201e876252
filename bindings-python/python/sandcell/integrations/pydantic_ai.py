"""pydantic-ai: a toolset in code mode. Extra ``sandcell[pydantic-ai]``."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from pydantic_ai.toolsets import FunctionToolset

from sandcell._sandcell import Tool
from sandcell._tools import tool
from sandcell.integrations._session import DESCRIPTION, Session


class SandcellToolset(FunctionToolset[Any]):
    """One tool, ``run_python``: instead of calling ``tools`` one by one, the model writes a program that does.

    ``tools`` are functions or ``sandcell.Tool``s; their declarations become part of the description.
    ``sandbox`` are arguments of ``Sandbox``.
    """

    def __init__(self, tools: Iterable[Tool | Callable[..., Any]] = (), *, name: str = "run_python", **sandbox: Any) -> None:
        made = [each if isinstance(each, Tool) else tool(each) for each in tools]
        self.session = Session(tools=made, **sandbox)
        description = DESCRIPTION
        if made:
            declared = "\n\n".join(each.declaration() for each in made)
            description += f" The code can call these functions:\n\n{declared}"
        super().__init__()
        self.add_function(self.session.run_async, name=name, description=description)
