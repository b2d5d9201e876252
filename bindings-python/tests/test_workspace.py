"""Files that sandboxes of several languages have in turn."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

import sandcell
from sandcell import Mount, Workspace


def workspace(**limits: int) -> Workspace:
    return Workspace(mounts=[Mount.memory("/work")], **limits)  # type: ignore[arg-type]


def test_two_languages_take_turns_and_keep_their_variables() -> None:
    ws = workspace()
    first = ws.run("python", "rows = [1, 2, 3]\nopen('/work/rows', 'w').write(repr(rows))")
    assert first.check().files.added == ["/work/rows"]
    code = "fs = require('fs'); sum = JSON.parse(fs.readFileSync('/work/rows', 'utf8')).reduce((a, b) => a + b)"
    assert ws.run("javascript", code).check().result == 6
    assert ws.run("javascript", "fs.writeFileSync('/work/sum', String(sum))").check().files.added == ["/work/sum"]
    assert ws.run("python", "rows + [open('/work/sum').read()]").result == [1, 2, 3, "6"]
    assert ws.files.diff().added == ["/work/rows", "/work/sum"]
    assert [entry.path for entry in ws.files.list("/work")] == ["/work/rows", "/work/sum"]
    assert ws.session("python") is ws.session("python")
    ws.session("python").close()
    assert ws.run("python", "'rows' in dir()").result is False


def test_files_are_written_and_read_between_steps_and_a_fork_has_its_own() -> None:
    ws = workspace(fs_bytes=1 << 20)
    ws.files.write("/work/in", "1")
    fork = ws.fork()
    assert fork.run("python", "open('/work/in', 'a').write('2')").check().files.changed == ["/work/in"]
    assert (ws.files.read_text("/work/in"), fork.files.read_text("/work/in")) == ("1", "12")
    with pytest.raises(sandcell.SandcellError, match="quota"):
        ws.files.write("/work/big", bytes(2 << 20))


def test_a_second_run_is_refused_while_one_is_under_way() -> None:
    ws = workspace()

    async def steps() -> str:
        slow = asyncio.ensure_future(ws.run_async("python", "import time; time.sleep(0.3); open('/work/a', 'w').close()"))
        await asyncio.sleep(0.1)
        with pytest.raises(sandcell.SandcellError) as raised:
            await ws.run_async("javascript", "1")
        assert (await slow).check().files.added == ["/work/a"]
        assert (await ws.run_async("javascript", "require('fs').readdirSync('/work')")).result == ["a"]
        return raised.value.code

    assert asyncio.run(steps()) == "workspace_busy"


def test_a_copy_of_a_hostile_tree_stays_in_its_folder(tmp_path: Path) -> None:
    ws = workspace()
    code = "import os\nos.makedirs('/work/a/b'); open('/work/a/b/c', 'w').write('c'); os.symlink('../../../x', '/work/up')\nos.symlink('a', '/work/in')"
    ws.run("python", code).check()
    to = tmp_path / "to"
    to.mkdir()
    outside = tmp_path / "outside"
    outside.mkdir()
    os.symlink(outside, to / "a")
    copied = ws.files.copy("/work", to)
    assert [entry.path for entry in copied] == ["/work/a", "/work/a/b", "/work/a/b/c", "/work/in"]
    assert (to / "a/b/c").read_text() == "c" and not (to / "a").is_symlink()
    assert list(outside.iterdir()) == [] and not os.path.lexists(to / "up") and os.readlink(to / "in") == "a"
