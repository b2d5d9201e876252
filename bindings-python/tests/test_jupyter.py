"""The cell magic, in a real IPython shell."""

from __future__ import annotations

import pytest

pytest.importorskip("IPython")

from IPython.core.interactiveshell import InteractiveShell  # noqa: E402


@pytest.mark.filterwarnings("ignore")
def test_cells_share_a_session_until_it_ends() -> None:
    shell = InteractiveShell.instance()
    shell.run_line_magic("load_ext", "sandcell.integrations.jupyter")
    run = shell.run_cell_magic
    assert run("sandcell", "", "x = 41").ok
    out = run("sandcell", "", "print('hi')\nx + 1")
    assert out.result == 42
    data, _ = shell.display_formatter.format(out)
    assert data["text/plain"] == "hi\n42"
    assert run("sandcell", "new", "'x' in globals()").result is False
    assert run("sandcell", "fuel=100_000_000", "while True: pass").status.limit == "fuel"
    assert run("sandcell", "", "'again'").result == "again"
    with pytest.raises(TypeError, match="fule"):
        run("sandcell", "fule=1", "1")
    shell.run_line_magic("unload_ext", "sandcell.integrations.jupyter")
