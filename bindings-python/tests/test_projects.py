"""Programs of several files, and the table of languages."""

from __future__ import annotations

from pathlib import Path

import pytest

import sandcell
from sandcell import ConfigError, ConfigTypeError, Language, Sandbox

FILES = {"main.py": "from lib.x import double\nimport sys\nprint(double(21), sys.argv[1:])", "lib/x.py": b"double = lambda n: 2 * n"}


def test_files_are_given_as_a_dict_or_as_a_folder(tmp_path: Path) -> None:
    for name, content in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with Sandbox("python") as box:
        for files in (FILES, tmp_path, str(tmp_path)):
            out = box.run(files=files, entry="main.py", args=["one"]).check()
            assert out.text == "42 ['one']\n"
            assert out.files.added == []
            assert out.diagnostics == []


def test_what_the_program_changed_among_its_files_is_told() -> None:
    with Sandbox("python") as box:
        code = "open('/program/log', 'a').write('x'); open('/program/new', 'w').close()"
        out = box.run(files={"main.py": code, "log": "", "same": ""}, entry="main.py").check()
        assert (out.files.added, out.files.changed) == (["/program/new"], ["/program/log"])


@pytest.mark.parametrize(
    ("files", "entry", "code"),
    [
        ({"../x.py": ""}, "../x.py", "file_name_invalid"),
        ({"/x.py": ""}, "/x.py", "file_name_invalid"),
        ({"x.py": ""}, "y.py", "project_invalid"),
        ({"x": "", "x/y": ""}, "x", "project_invalid"),
    ],
)
def test_names_that_are_not_allowed_are_refused_before_anything_runs(files: dict[str, str], entry: str, code: str) -> None:
    with Sandbox("python") as box:
        with pytest.raises(ConfigError) as raised:
            box.run(files=files, entry=entry)
        assert raised.value.code == code
        assert box.run("1 + 1").result == 2


def test_code_and_files_exclude_each_other() -> None:
    with Sandbox("python") as box:
        for arguments in ({"code": "1", "files": FILES, "entry": "main.py"}, {"files": FILES}, {"entry": "main.py"}):
            with pytest.raises(ConfigError):
                box.run(**arguments)  # type: ignore[arg-type]
        with pytest.raises(ConfigTypeError):
            box.run(files=7, entry="main.py")  # type: ignore[arg-type]


def test_the_table_of_languages() -> None:
    names = [language.name for language in sandcell.languages()]
    assert names == ["python", "javascript", "typescript", "c", "cpp", "lua"]
    found = sandcell.language_of("src/app.ts")
    assert found == Language("typescript", "TypeScript", ("ts", "mts"), "typescript", "turn")
    assert sandcell.language_of(Path("notes.txt")) is None
