"""C and C++ from Python: what the JSON cases do not look at."""

from __future__ import annotations

import asyncio

import pytest

import sandcell
from sandcell import Sandbox, images

HELLO = "#include <stdio.h>\nint main(int n, char **v) { printf(\"hello %s\", n > 1 ? v[1] : \"\"); return 0; }"


def test_a_program_is_compiled_and_run_with_flags_and_arguments() -> None:
    with Sandbox("c") as box:
        outcome = box.run(HELLO, name="hello.c", flags=["-O1", "-Wall"], args=["you"])
        assert (outcome.ok, outcome.text, outcome.diagnostics) == (True, "hello you", [])
        again = box.run(HELLO, name="hello.c", flags=["-O1", "-Wall"], args=["me"])
        assert (again.text, again.usage.compile_ms, again.usage.compile_fuel) == ("hello me", 0, 0)

    async def later() -> str:
        return (await Sandbox("c").run_async(HELLO, name="hello.c", flags=["-O1", "-Wall"])).text

    assert asyncio.run(later()) == "hello "


def test_what_the_compiler_finds_is_data() -> None:
    outcome = Sandbox("c").run("int main(void) {\n  return x;\n}", name="bad.c")
    assert (outcome.status.kind, outcome.status.type) == ("raised", "CompileError")
    [found] = outcome.diagnostics
    assert (found.severity, found.file, found.line, found.column) == ("error", "bad.c", 2, 10)
    assert "undeclared identifier" in found.message and found.source is not None


def test_a_compiled_program_makes_many_sandboxes() -> None:
    made = images.cc(HELLO, name="hello.c", flags=["-O1"])
    assert isinstance(made, sandcell.Compilation) and made.image is not None and made.status.code == 0
    assert [Sandbox(made.image).run(args=[word]).text for word in ("a", "b")] == ["hello a", "hello b"]
    bad = images.cc("int main() { throw 1; }", image="cpp")
    assert bad.image is None and bad.status.type == "CompileError" and "no C++ exceptions" in bad.hint


def test_flags_and_limits_of_the_compiler_are_checked() -> None:
    with pytest.raises(sandcell.ConfigError, match="-fplugin") as refused:
        Sandbox("c").run(HELLO, flags=["-fplugin=x.so"])
    assert refused.value.code == "flag_invalid"
    made = images.cc(HELLO + "// limited", compile_limits={"fuel": 1_000_000})
    assert (made.image, made.status.kind, made.status.limit) == (None, "exceeded", "fuel")
    outcome = Sandbox("c", compile_limits={"fuel": 1_000_000}).run(HELLO + "// limited")
    assert (outcome.status.kind, outcome.status.limit) == ("exceeded", "fuel")
    assert "compiler" in outcome.hint
    with pytest.raises(TypeError):
        Sandbox("c").run(HELLO, flags="-O2")
