"""Somebody must approve what a program wants to do: the run waits for them, and goes on later."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sandcell import Sandbox, ToolError, tool

PROGRAM = """
bought = []
for item, euros in [("paper", 10), ("yacht", 1_000_000)]:
    try:
        bought.append(buy(item, euros))
    except Exception as error:
        print("no:", error)
bought
"""


@tool(suspending=True)
def buy(item: str, euros: int) -> str:
    """Buys something, once a person has agreed."""
    raise NotImplementedError("a suspending tool is answered by whoever resumes the run")


def main(ask: Callable[[dict[str, Any]], bool] = lambda wish: wish["euros"] < 100) -> list[str]:
    """Runs the program; ``ask`` is the person."""
    with Sandbox("python", tools=[buy]) as box:
        out = box.run(PROGRAM)
        while out.status.kind == "suspended":
            answers: dict[int, Any] = {}
            for call in out.status.calls or []:
                agreed = ask(call.arguments)
                answers[call.id] = f"a {call.arguments['item']}" if agreed else ToolError.denied("not approved")
            out = box.resume(out, answers)
    print(out.check().text, out.result)
    return list(out.result)


if __name__ == "__main__":
    main()
