"""smolagents: a CodeAgent with a scripted model runs its steps in a sandbox."""

from __future__ import annotations

from typing import Any

import pytest

smolagents = pytest.importorskip("smolagents")

from sandcell.integrations.smolagents import SandcellExecutor  # noqa: E402


class Scripted(smolagents.Model):
    """Says what it was told to say, one step after the other."""

    def __init__(self, *steps: str) -> None:
        super().__init__(model_id="scripted")
        self.steps = list(steps)
        self.seen: list[str] = []

    def generate(self, messages: list[Any], **_: Any) -> Any:
        self.seen.append(str(messages[-1].content))
        code = self.steps.pop(0)
        return smolagents.ChatMessage(role="assistant", content=f"Thought: so.\n<code>\n{code}\n</code>")


class Price(smolagents.Tool):
    name = "price"
    description = "The price of one piece."
    inputs = {"symbol": {"type": "string", "description": "what is bought"}}
    output_type = "number"

    def forward(self, symbol: str) -> float:
        return {"apple": 1.25}[symbol]


def agent(model: Scripted, executor: SandcellExecutor) -> Any:
    return smolagents.CodeAgent(tools=[Price()], model=model, executor=executor, verbosity_level=0)


def test_an_agent_keeps_state_calls_tools_and_gives_its_answer() -> None:
    model = Scripted(
        "import os\nx = price('apple')\nprint('got', x, os.environ.get('PATH'))", "y = x * n\nprint(y)\ny", "final_answer({'sum': y})\nprint('never')"
    )
    executor = SandcellExecutor()
    with agent(model, executor) as running:
        assert running.run("How much?", additional_args={"n": 4}) == {"sum": 5.0}
    assert "got 1.25 None" in model.seen[1]
    assert "5.0" in model.seen[2]


def test_a_step_that_raises_or_exceeds_a_limit_is_told_and_the_state_stays() -> None:
    model = Scripted("x = 1", "1/0", "x = 2\nwhile True: pass", "import socket_of_mine", "final_answer(x)")
    executor = SandcellExecutor(fuel=2_000_000_000, authorized_imports=["math"])
    with agent(model, executor) as running:
        assert running.run("Do.") == 1
    assert "ZeroDivisionError" in model.seen[2]
    assert "exceeded" in model.seen[3]
    assert "Import of socket_of_mine is not allowed" in model.seen[4]


def test_tools_can_change_between_runs() -> None:
    executor = SandcellExecutor()
    with agent(Scripted("kept = price('apple')\nfinal_answer(1)"), executor) as running:
        assert running.run("one") == 1
        running.model = Scripted("final_answer(kept + price('apple'))")
        assert running.run("two", reset=False) == 2.5
