"""Tools: schemas from functions, calls, errors, contexts, loops, rules, the gate, suspension."""

from __future__ import annotations

import asyncio
import contextvars
import dataclasses
import enum
import os
import signal
import threading
import time
from typing import Annotated, Any, Literal, Optional

import pytest

import sandcell
from sandcell import PENDING, ConfigError, Policy, Sandbox, ToolCall, ToolError, tool

WHO: contextvars.ContextVar[str] = contextvars.ContextVar("WHO", default="nobody")


class Colour(enum.Enum):
    RED = "red"


@dataclasses.dataclass
class Point:
    x: int
    y: int = 0


def price(symbol: str, currency: Literal["EUR", "USD"] = "EUR") -> float:
    """The price of one piece.

    Args:
        symbol: what is
            bought
        currency: in which money

    Returns:
        the price
    """
    return {"apple": 1.25}[symbol] * (2 if currency == "USD" else 1)


def test_functions_are_globals_and_members_of_host_tools() -> None:
    with Sandbox("python", tools=[price]) as box:
        out = box.run("from host import tools\n[price('apple'), tools.price(symbol='apple', currency='USD')]")
        assert out.check().result == [1.25, 2.5]
        assert out.usage.host_calls == 2 and out.tool_calls.counts == {"ok": 2}
        record = out.tool_calls.calls[0]
        assert (record.tool, record.outcome, len(record.arguments_sha256)) == ("price", "ok", 64)


def test_a_policy_decides_whether_they_are_globals_and_who_may_be_called() -> None:
    policy = Policy(tools={"allow": ["price"], "rules": {"price": {"calls": 1}}})
    with Sandbox("python", tools=[price], policy=policy) as box:
        assert box.run("'price' in globals()").result is False
        out = box.run("from host import tools\ntools.price('apple')\ntools.price('apple')")
        assert out.tool_calls.counts == {"ok": 1, "budget_exceeded": 1}
    with pytest.raises(ConfigError, match="nothing") as raised:
        Sandbox("python", tools=[price], policy=Policy(tools={"allow": ["nothing"]}))
    assert raised.value.code == "tool_policy_invalid"
    with pytest.raises(ConfigError, match="alow"):
        Policy(tools={"alow": []})


def test_the_declaration_comes_from_signature_hints_and_docstring() -> None:
    text = tool(price).declaration()
    for part in ("def price(", "symbol: str", "currency: ", '"EUR"', "-> float", "The price of one piece."):
        assert part in text
    assert "price" in tool(price).declaration("typescript")
    named = tool(name="cost", description="Another.", read_only=True)(price)
    assert named.name == "cost" and "Another." in named.declaration()


def echo(
    a: int, b: Optional[list[float]] = None, c: Colour = Colour.RED, d: Point | None = None,
    e: Annotated[bytes, "raw"] = b"", f: Any = None, g: dict[str, set[int]] | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Says what it got."""
    kinds = [type(value).__name__ for value in (a, b, c, d, e, f, g)]
    return {"kinds": kinds, "values": [a, b, c, d, e, f, g]}


def test_arguments_arrive_in_the_hinted_types_and_results_travel_back() -> None:
    with Sandbox("python", tools=[echo]) as box:
        out = box.run("echo(a=1, b=[1.5], c='red', d={'x': 3}, e=b'\\xff', f=None, g={'k': [2, 1]})")
        assert out.check().ok
        out = box.run("r = echo(a=1, b=[1.5], c='red', d={'x': 3}, e=b'\\xff', g={'k': [2, 1]}); r['values'][4] = 0; r")
        assert out.check().result["kinds"] == ["int", "list", "Colour", "Point", "bytes", "NoneType", "dict"]
        values = out.result["values"]
        assert values[:4] == [1, [1.5], "red", {"x": 3, "y": 0}] and values[6] == {"k": [1, 2]}
        out = box.run("r = echo(1, e=b'\\x00\\xff')\ntype(r['values'][4]).__name__, r['values'][4] == b'\\x00\\xff'")
        assert out.check().result == ["bytes", True]


def test_arguments_that_do_not_fit_never_reach_the_function() -> None:
    called = []

    def strict(n: int, mode: Literal["a", "b"] = "a") -> int:
        called.append(n)
        return n

    with Sandbox("python", tools=[strict]) as box:
        for call in ("strict('x')", "strict(1, mode='c')", "strict()", "strict(1, extra=2)"):
            out = box.run(call)
            assert out.status.kind == "raised", call
        assert called == []
        assert box.run("strict(2)").result == 2 and called == [2]


def test_only_a_tool_error_speaks_to_the_guest() -> None:
    def speaks() -> None:
        raise ToolError("there is no such thing", detail="row 7 of the secret table")

    def refuses() -> None:
        raise ToolError.denied("not for you")

    def breaks() -> None:
        raise ValueError("password=hunter2")

    def wrong() -> object:
        return object()

    with Sandbox("python", tools=[speaks, refuses, breaks, wrong]) as box:
        for name, kind, said in (
            ("speaks", "tool_error", "there is no such thing"),
            ("refuses", "denied", "not for you"),
            ("breaks", "tool_error", "internal error"),
            ("wrong", "tool_error", "internal error"),
        ):
            out = box.run(f"{name}()")
            assert out.status.kind == "raised" and said in (out.status.message or ""), out
            assert out.tool_calls.counts == {kind: 1}
            assert "secret" not in out.stderr_text + str(out.status) and "hunter2" not in str(out.status)
        assert "hunter2" in str(box.run("breaks()").tool_calls.calls[0].detail)
        assert "secret" in str(box.run("speaks()").tool_calls.calls[0].detail)
        assert box.run("'alive'").result == "alive"


def test_a_tool_runs_on_the_callers_thread_with_its_context() -> None:
    seen = []

    def look() -> None:
        seen.append((threading.get_ident(), WHO.get()))

    token = WHO.set("caller")
    try:
        with Sandbox("python", tools=[look]) as box:
            box.run("look()").check()
    finally:
        WHO.reset(token)
    assert seen == [(threading.get_ident(), "caller")]


def test_a_blocking_tool_has_a_thread_and_can_time_out() -> None:
    threads = []

    @tool(timeout=50)
    def slow(seconds: float) -> str:
        threads.append(threading.get_ident())
        time.sleep(seconds)
        return "done"

    with Sandbox("python", tools=[slow]) as box:
        assert box.run("slow(0)").result == "done"
        out = box.run("slow(1)")
        assert out.tool_calls.counts == {"timeout": 1}
    assert threading.get_ident() not in threads and len(threads) == 2


def test_asynchronous_tools_run_on_the_callers_loop_with_its_context() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        seen = []

        async def look(n: int) -> int:
            seen.append((asyncio.get_running_loop() is loop, WHO.get()))
            await asyncio.sleep(0.01)
            return n * 2

        def plain() -> str:
            return WHO.get()

        WHO.set("task")
        async with Sandbox("python", tools=[look, plain]) as box:
            assert (await box.run_async("look(4)")).check().result == 8
            assert (await box.run_async("plain()")).check().result == "task"
        assert seen == [(True, "task")]

    asyncio.run(main())


def test_asynchronous_tools_work_from_a_thread_without_a_loop() -> None:
    async def double(n: int) -> int:
        await asyncio.sleep(0.01)
        return n * 2

    async def fail() -> None:
        raise ToolError("no")

    with Sandbox("python", tools=[double, fail]) as box:
        assert box.run("double(4)").check().result == 8
        assert "no" in (box.run("fail()").status.message or "")


def test_cancelling_a_run_cancels_its_asynchronous_tool() -> None:
    async def main() -> None:
        ended = asyncio.Event()
        begun = asyncio.Event()

        async def wait() -> None:
            begun.set()
            try:
                await asyncio.sleep(60)
            finally:
                ended.set()

        box = Sandbox("python", tools=[wait])
        task = asyncio.ensure_future(box.run_async("wait()"))
        await asyncio.wait_for(begun.wait(), 20)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.wait_for(ended.wait(), 20)

    asyncio.run(main())


@pytest.mark.usefixtures("ctrl_c")
def test_ctrl_c_inside_a_tool_ends_the_run() -> None:
    def slow() -> None:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(5)

    with Sandbox("python", tools=[slow]) as box, pytest.raises(KeyboardInterrupt):
        box.run("try:\n  slow()\nexcept BaseException: pass\nwhile True: pass")


def test_a_tool_may_use_sandboxes_itself() -> None:
    def inner(code: str) -> Any:
        with Sandbox("python") as other:
            return other.run(code).result

    with Sandbox("python", tools=[inner]) as box:
        assert box.run("inner('6 * 7')").check().result == 42

        def again() -> str:
            try:
                box.run("1")
            except ConfigError as error:
                return error.code
            return "ran"

        with Sandbox("python", tools=[again]) as outer:
            box = outer
            assert outer.run("again()").result == "sandbox_unusable"


def test_the_gate_has_the_last_word() -> None:
    asked: list[ToolCall] = []

    def gate(call: ToolCall) -> Any:
        asked.append(call)
        if call.arguments["symbol"] == "gold":
            return "no gold"
        if call.arguments["symbol"] == "pear":
            return {"symbol": "apple"}
        if call.arguments["symbol"] == "odd":
            raise RuntimeError("gate")
        return call.arguments["symbol"] != "silver"

    with Sandbox("python", tools=[price], gate=gate) as box:
        assert box.run("price('apple')").check().result == 1.25
        assert box.run("price('pear')").check().result == 1.25
        assert "no gold" in (box.run("price('gold')").status.message or "")
        assert box.run("price('silver')").tool_calls.counts == {"denied": 1}
    assert [call.arguments["symbol"] for call in asked] == ["apple", "pear", "gold", "silver"]
    with pytest.raises(TypeError, match="`gate`"):
        Sandbox("python", gate=3)  # type: ignore[arg-type]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_gate_that_raises_has_denied() -> None:
    def gate(call: ToolCall) -> Any:
        raise RuntimeError("gate")

    with Sandbox("python", tools=[price], gate=gate) as box:
        assert box.run("price('apple')").tool_calls.counts == {"denied": 1}


def test_a_run_is_suspended_and_resumed() -> None:
    @tool(suspending=True)
    def approve(what: str) -> bool:
        """Asks a person."""
        raise AssertionError("never called")

    def later() -> Any:
        return PENDING

    with Sandbox("python", tools=[approve, later]) as box:
        out = box.run("x = 1\nok = approve('buy')\nok, x")
        assert out.status.kind == "suspended" and not out.ok
        [call] = out.status.calls or []
        assert (call.tool, call.arguments) == ("approve", {"what": "buy"})
        with pytest.raises(ConfigError) as raised:
            box.run("1")
        assert raised.value.code == "run_suspended"
        with pytest.raises(sandcell.Suspended):
            out.check()
        assert box.resume(out, {call.id: True}).check().result == [True, 1]
        out = box.run("later()")
        token = out.status.token or ""
        failed = box.resume(token, {(out.status.calls or [])[0].id: ToolError.denied("too late")})
        assert "too late" in (failed.status.message or "")
        with pytest.raises(ConfigError) as raised:
            box.resume(failed, {})
        assert raised.value.code == "resume_invalid"
        box.run("later()")
        box.discard()

    async def main() -> None:
        async with Sandbox("python", tools=[later]) as box:
            out = await box.run_async("later()")
            assert (await box.resume_async(out, {(out.status.calls or [])[0].id: [1]})).result == [1]

    asyncio.run(main())


def test_tools_come_along_to_forks_snapshots_and_pools() -> None:
    with Sandbox("python", tools=[price]) as box:
        box.run("x = price('apple')")
        assert box.fork().run("x + price('apple')").check().result == 2.5
        snapshot = box.snapshot()

        def half(n: float) -> float:
            return n / 2

        assert snapshot.fork(tools=[half]).run("half(x)").check().result == 0.625
    with sandcell.Pool("python", tools=[price]) as pool, pool.acquire() as pooled:
        assert pooled.run("price('apple')").check().result == 1.25


def test_what_is_no_tool_is_refused_by_name() -> None:
    def star(*args: int) -> None: ...
    def strange(a: threading.Thread) -> None: ...

    for bad, name in ((3, "int"), (star, "args"), (strange, "Thread")):
        with pytest.raises(TypeError, match=name):
            Sandbox("python", tools=[bad])  # type: ignore[list-item]
    with pytest.raises(ConfigError, match="price") as raised:
        Sandbox("python", tools=[price, price])
    assert raised.value.code == "tool_invalid"


def test_pydantic_models_reach_the_function() -> None:
    pydantic = pytest.importorskip("pydantic")

    class Order(pydantic.BaseModel):
        item: str
        count: int = pydantic.Field(ge=1, default=1)

    def order(what: Order) -> Order:
        assert isinstance(what, Order)
        return what

    order.__annotations__ = {"what": Order, "return": Order}
    with Sandbox("python", tools=[order]) as box:
        assert box.run("order(what={'item': 'apple'})").check().result == {"item": "apple", "count": 1}
        assert box.run("order(what={'item': 'apple', 'count': 0})").tool_calls.counts == {"invalid_arguments": 1}
