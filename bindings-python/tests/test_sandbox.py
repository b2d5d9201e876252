"""Runs, their outcomes, files and errors."""

from __future__ import annotations

import copy
import gc
import io
import json
import pickle
from pathlib import Path

import pytest

import sandcell
from sandcell import ConfigError, Mount, Outcome, Sandbox


def test_an_outcome_says_what_was_printed_what_came_of_it_and_what_it_cost(box: Sandbox) -> None:
    out = box.run("import sys\nprint('hello')\nprint('oh', file=sys.stderr)\n[1, {'a': None}, 2.5]")
    assert (out.text, out.stdout, out.stderr, out.stderr_text) == ("hello\n", b"hello\n", b"oh\n", "oh\n")
    assert out.result == [1, {"a": None}, 2.5]
    assert out.ok and out.check() is out
    assert (out.status.kind, out.status.code) == ("exited", 0)
    assert out.usage.fuel > 0 and out.usage.wall_ms > 0 and out.usage.output_bytes == 9
    assert (out.stdout_truncated, out.stderr_truncated, out.result_truncated) == (False, False, False)
    assert out.denials == [] and out.artifacts == [] and out.hint == ""


def test_variables_stay_from_run_to_run(box: Sandbox) -> None:
    box.run("x = 41")
    assert box.run("x + 1").result == 42


def test_a_script_that_raises_is_an_outcome_and_check_raises(box: Sandbox) -> None:
    out = box.run("print(1)\n1/0", name="task.py")
    assert (out.status.kind, out.status.type) == ("raised", "ZeroDivisionError")
    assert "task.py" in (out.status.traceback or "")
    assert out.text == "1\n"
    with pytest.raises(sandcell.ScriptRaised, match="ZeroDivisionError") as raised:
        out.check()
    assert raised.value.code == "raised" and raised.value.outcome is out
    assert box.run("'still here'").result == "still here"


@pytest.mark.parametrize(
    ("code", "limits", "exception", "code_"),
    [
        ("while True: pass", {"fuel": 50_000_000}, sandcell.LimitExceeded, "exceeded"),
        ("import time; time.sleep(60)", {"deadline_ms": 50}, sandcell.LimitExceeded, "exceeded"),
        ("raise SystemExit(3)", {}, sandcell.ExitFailed, "exited"),
    ],
)
def test_check_raises_an_exception_for_each_way_to_fail(code: str, limits: dict, exception: type, code_: str) -> None:
    with Sandbox("python", **limits) as box:
        out = box.run(code)
        with pytest.raises(exception) as raised:
            out.check()
        assert raised.value.code == code_
        again = pickle.loads(pickle.dumps(raised.value))
        assert again.outcome == out and type(again) is exception


def test_after_a_limit_the_session_has_ended_and_its_files_can_be_read() -> None:
    with Sandbox("python", fuel=100_000_000) as box:
        box.run("open('/tmp/a', 'w').write('kept')")
        assert box.run("while True: pass").status.limit == "fuel"
        with pytest.raises(ConfigError) as raised:
            box.run("1")
        assert raised.value.code == "session_ended"
        assert box.files.read("/tmp/a") == b"kept"


def test_outcomes_survive_json_and_pickling(box: Sandbox) -> None:
    out = box.run("import os\nos.write(1, b'\\xff')\nopen('/tmp/f','w').close()\n{'a': 1}")
    assert out.to_dict()["stdout_base64"] == "/w=="
    assert json.loads(out.to_json()) == out.to_dict()
    for again in (Outcome.from_json(out.to_json()), pickle.loads(pickle.dumps(out)), copy.deepcopy(out)):
        assert again == out and again.stdout == b"\xff" and again.files.added == ["/tmp/f"]
    with pytest.raises(ConfigError, match="outcome"):
        Outcome.from_json("{}")


def test_an_outcome_shows_itself_in_a_notebook(box: Sandbox) -> None:
    out = box.run(
        "print('hi')\nimport matplotlib\nmatplotlib.use('agg')\nimport matplotlib.pyplot as p\np.plot([1,2])\np.show()"
    )
    bundle = out._repr_mimebundle_()
    assert bundle["text/plain"].startswith("hi")
    assert out.artifacts and out.artifacts[0].bytes.startswith(b"\x89PNG")
    assert bundle["image/png"].startswith("iVBOR")
    assert "ZeroDivisionError" in box.run("1/0")._repr_mimebundle_()["text/plain"]


def test_arguments_name_and_input_reach_the_program(box: Sandbox) -> None:
    out = box.run("import sys; print(sys.argv, sys.stdin.read())", name="a.py", args=["x", "y"], stdin="in")
    assert "'x', 'y'" in out.text and out.text.endswith("in\n")
    assert box.run("import sys; sys.stdin.buffer.read()", stdin=b"\x00").ok
    assert box.run("input()", stdin=io.StringIO("line ä\n")).result == "line ä"
    assert box.run("import sys; len(sys.stdin.buffer.read())", stdin=io.BytesIO(b"b" * 300_000)).result == 300_000


@pytest.mark.parametrize(
    ("arguments", "name"),
    [(((1,), {}), "code"), ((("1",), {"args": "x"}), "args"), ((("1",), {"args": [1]}), "args"),
     ((("1",), {"stdin": 3}), "stdin")],
)  # fmt: skip
def test_a_run_names_an_argument_of_another_type(box: Sandbox, arguments: tuple, name: str) -> None:
    positional, named = arguments
    with pytest.raises(TypeError, match=f"`{name}`"):
        box.run(*positional, **named)
    assert box.run("1").result == 1


def test_files_go_in_and_out(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "t.csv").write_text("a,b\n1,2\n")
    (tmp_path / "to").mkdir()
    mounts = [Mount.host(tmp_path / "data", "/data"), Mount.memory("/out")]
    with Sandbox("python", mounts=mounts) as box:
        box.files.write("/out/in.txt", "text")
        out = box.run("open('/out/copy', 'w').write(open('/data/t.csv').read() + open('/out/in.txt').read())")
        assert out.files.added == ["/out/copy"], "what the host wrote is no work of the program's"
        assert box.files.read("/out/copy") == b"a,b\n1,2\ntext" == box.files.read_text("/out/copy").encode()
        assert box.files.diff().added == ["/out/copy", "/out/in.txt"]
        assert [(entry.path, entry.kind, entry.size) for entry in box.files.list("/out")] == [
            ("/out/copy", "file", 12),
            ("/out/in.txt", "file", 4),
        ]
        assert "/out" in [entry.path for entry in box.files.list() if entry.kind == "directory"]
        assert box.files.export("/out", tmp_path / "to").added == ["/out/copy", "/out/in.txt"]
        assert (tmp_path / "to" / "in.txt").read_text() == "text"
        refused = box.run("open('/data/new', 'w')")
        assert refused.status.type == "OSError" or refused.status.type == "PermissionError"
        assert [denial.name for denial in refused.denials] == ["/data/new"]
        with pytest.raises(ConfigError) as raised:
            box.files.read("/nothing")
        assert raised.value.code == "file_unavailable"
    assert sorted(path.name for path in (tmp_path / "data").iterdir()) == ["t.csv"]


def test_a_mount_of_a_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as raised:
        Sandbox("python", mounts=[Mount.host(tmp_path / "no", "/data")])
    assert raised.value.code == "mount_invalid"


def test_an_image_that_is_not_there_is_an_error_of_the_host() -> None:
    with pytest.raises(sandcell.HostError) as raised:
        Sandbox("no-such-image")
    assert raised.value.code == "image_missing" and "image build" in raised.value.hint
    with pytest.raises(TypeError, match="`image`"):
        Sandbox(3)  # type: ignore[arg-type]


def test_a_module_runs_as_a_command(uncached: sandcell.Engine) -> None:
    module = '(module (import "wasi_snapshot_preview1" "proc_exit" (func $e (param i32))) (memory (export "memory") 1) (func (export "_start") (call $e (i32.const 3))))'
    image = sandcell.images.command(module, name="three", engine=uncached)
    with Sandbox(image) as box:
        assert box.run(args=["x"]).status.code == 3
        with pytest.raises(ConfigError) as raised:
            box.run("print(1)")
        assert raised.value.code == "program_invalid"
    with pytest.raises(sandcell.ModuleError) as bad:
        sandcell.images.command(b"no module", engine=uncached)
    assert bad.value.code == "module_invalid"


def test_a_closed_sandbox_says_so_and_closing_twice_is_fine() -> None:
    box = Sandbox("python")
    with box as entered:
        assert entered is box and not box.closed
    assert box.closed
    box.close()
    with pytest.raises(ConfigError, match="closed") as raised:
        box.run("1")
    assert raised.value.code == "sandbox_unusable"


def test_finish_runs_exit_handlers_and_close_does_not() -> None:
    with Sandbox("python", mounts=[Mount.memory("/out")]) as box:
        box.run("import atexit; atexit.register(lambda: open('/out/bye', 'w').write('x'))")
        assert box.finish().ok
        assert box.files.read("/out/bye") == b"x"
        with pytest.raises(ConfigError) as raised:
            box.run("1")
        assert raised.value.code == "session_ended"


def test_randomness_and_time_are_data_of_the_policy() -> None:
    program = "import random, time; (random.random(), time.time())"
    seeded = [Sandbox("python", seed=7, clock="frozen").run(program).result for _ in range(2)]
    assert seeded[0] == seeded[1]
    assert Sandbox("python").run(program).result != seeded[0]


@pytest.mark.parametrize("name", ["Engine", "Image", "Sandbox", "Pool"])
def test_what_lives_in_this_process_refuses_pickling_by_name(name: str) -> None:
    things = {
        "Engine": sandcell.Engine.default,
        "Image": lambda: sandcell.Image.load("python"),
        "Sandbox": lambda: Sandbox("python"),
        "Pool": lambda: sandcell.Pool("python"),
    }
    thing = things[name]()
    with pytest.raises(TypeError, match=f"a {name} cannot be pickled"):
        pickle.dumps(thing)
    with pytest.raises(TypeError, match=name):
        copy.copy(thing)


def test_sandboxes_that_are_dropped_are_given_back() -> None:
    pool = sandcell.Pool("python", max_sandboxes=2)
    for _ in range(20):
        box = pool.acquire()
        box.run("1")
        del box
        gc.collect()
    assert pool.metrics().live == 0
