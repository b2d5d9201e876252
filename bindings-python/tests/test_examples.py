"""The programs of examples/python do what they say."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "examples" / "python"))

import agent  # noqa: E402
import approval  # noqa: E402
import plugin  # noqa: E402
import scoring  # noqa: E402


def test_the_agent_reads_calls_and_draws(tmp_path: Path) -> None:
    assert agent.main(tmp_path) == 15.5
    assert (tmp_path / "sales.png").read_bytes().startswith(b"\x89PNG")


def test_a_thousand_programs_are_scored() -> None:
    assert scoring.main() == {"right": 250, "wrong": 250, "raised": 250, "exceeded": 250}


def test_what_is_not_approved_does_not_happen() -> None:
    assert approval.main() == ["a paper"]


def test_a_plugin_reaches_nothing_and_leaves_nothing_for_the_next_document() -> None:
    results = plugin.main()
    assert results["shout"][1]["title"] == "TWO"
    assert results["words"] == [{"words": 2, "seen": 3}, {"words": 1, "seen": 5}]
    assert results["counts"] == [1, 1]
    refused = {"thief": "FileNotFoundError", "spy": "AttributeError", "endless": "exceeded fuel", "greedy": "MemoryError"}
    for name, why in {**refused, "broken": "SyntaxError"}.items():
        assert results[name].startswith("refused: ") and why in results[name], (name, results[name])
