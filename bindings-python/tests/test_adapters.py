"""LangChain, pydantic-ai and the OpenAI Agents SDK with the real packages, and models that follow a script."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

pytestmark = pytest.mark.filterwarnings("default")


def price(symbol: str) -> float:
    """The price of one piece."""
    return {"apple": 1.25}[symbol]


def test_a_tool_of_langchain_keeps_its_session() -> None:
    pytest.importorskip("langchain_core")
    from sandcell.integrations.langchain import python_tool

    tool = python_tool(tools=[price], fuel=2_000_000_000)
    assert set(tool.args) == {"code"}
    assert tool.invoke({"code": "x = price('apple'); print('got', x)"}) == "got 1.25"
    assert asyncio.run(tool.ainvoke({"code": "x * 2"})) == "2.5"
    assert "ZeroDivisionError" in tool.invoke({"code": "1/0"})
    assert "session has ended" in tool.invoke({"code": "while True: pass"})
    assert "NameError" in tool.invoke({"code": "x"})
    session = (tool.metadata or {})["session"]
    assert session.last.status.type == "NameError"
    session.close()


def test_an_agent_of_pydantic_ai_writes_a_program_that_calls_tools() -> None:
    pytest.importorskip("pydantic_ai")
    from pydantic_ai import Agent
    from pydantic_ai.messages import ModelResponse, TextPart, ToolCallPart
    from pydantic_ai.models.function import AgentInfo, FunctionModel

    from sandcell.integrations.pydantic_ai import SandcellToolset

    seen: list[Any] = []

    def scripted(messages: list[Any], info: AgentInfo) -> ModelResponse:
        seen.append((messages, info))
        if len(seen) == 1:
            return ModelResponse([ToolCallPart("run_python", {"code": "sum(price('apple') for _ in range(4))"})])
        return ModelResponse([TextPart(f"it is {messages[-1].parts[0].content}")])

    toolset = SandcellToolset([price])
    result = asyncio.run(Agent(FunctionModel(scripted), toolsets=[toolset]).run("How much?"))
    assert result.output == "it is 5.0"
    description = seen[0][1].function_tools[0].description
    assert "def price(symbol: str) -> float:" in description
    assert toolset.session.last is not None and toolset.session.last.tool_calls.counts == {"ok": 4}
    toolset.session.close()


def test_an_agent_of_openai_runs_python() -> None:
    pytest.importorskip("agents")
    import agents
    from openai.types.responses import ResponseFunctionToolCall, ResponseOutputMessage, ResponseOutputText

    from sandcell.integrations._session import Session
    from sandcell.integrations.openai_agents import python_tool

    class Scripted(agents.Model):
        inputs: list[Any] = []

        async def get_response(self, system_instructions: Any, input: Any, *args: Any, **kwargs: Any) -> Any:
            self.inputs.append(input)
            if len(self.inputs) == 1:
                said: Any = ResponseFunctionToolCall(
                    type="function_call", call_id="1", name="python", arguments='{"code": "6 * 7"}'
                )
            else:
                answer = ResponseOutputText(type="output_text", text=input[-1]["output"], annotations=[])
                said = ResponseOutputMessage(
                    id="m", type="message", role="assistant", status="completed", content=[answer]
                )
            return agents.ModelResponse(output=[said], usage=agents.Usage(), response_id=None)

        def stream_response(self, *args: Any, **kwargs: Any) -> Any:
            raise NotImplementedError

    agents.set_tracing_disabled(True)
    session = Session()
    agent = agents.Agent(name="a", model=Scripted(), tools=[python_tool(session=session)])
    result = asyncio.run(agents.Runner.run(agent, "What is it?"))
    assert result.final_output == "42"
    session.close()
