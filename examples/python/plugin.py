"""An application that lets its users install plug-ins, written by anybody.

A plug-in defines ``handle(document)``. It is loaded once; each document meets a fork of the loaded plug-in, so nothing that
one document leaves behind reaches the next. A plug-in sees no file, no network and no variable of the host: only its
own read-only folder and the one function it is given.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from sandcell import Limits, Mount, Sandbox, Snapshot, ToolError

LIMITS = Limits(memory_bytes="64MiB", deadline_ms=500, fuel=2_000_000_000, output_bytes="64KiB", host_calls=100)

PLUGINS = {
    "shout": "def handle(document): return {**document, 'title': document['title'].upper()}",
    "words": """
import json
stop = set(json.load(open('/plugin/stop.json')))
def handle(document):
    words = [word for word in document['text'].split() if word not in stop]
    return {'words': len(words), 'seen': lookup(document['title'])}
""",
    "counts": "n = 0\ndef handle(document):\n    global n\n    n += 1\n    return n",
    "thief": "def handle(document): return open('/etc/passwd').read()",
    "spy": "import os, socket\ndef handle(document): return [dict(os.environ), socket.create_connection(('10.0.0.1', 80))]",
    "endless": "def handle(document):\n    while True: pass",
    "greedy": "def handle(document): return len(bytearray(1 << 30))",
    "broken": "def handle(document) return 1",
}
DOCUMENTS = [{"title": "one", "text": "the cat and the dog"}, {"title": "two", "text": "a bird"}]


class Refused(Exception):
    """A plug-in that could not be loaded, or that failed on a document."""


class Plugin:
    """A plug-in that was loaded, ready for any number of documents."""

    def __init__(self, source: str, folder: Path, titles: dict[str, int]) -> None:
        def lookup(title: str) -> int:
            "How often a document of this title was read."
            if title not in titles:
                raise ToolError("there is no such document")
            return titles[title]

        mounts = [Mount.host(folder, "/plugin", "ro")]
        with Sandbox("python", limits=LIMITS, mounts=mounts, tools=[lookup]) as box:
            outcome = box.run(source, name="plugin.py")
            if not outcome.ok:
                raise Refused(outcome.hint or outcome.stderr_text.strip().splitlines()[-1])
            self.loaded: Snapshot = box.snapshot()

    def handle(self, document: dict[str, str]) -> Any:
        """What the plug-in makes of a document; every document meets it as it was when it was loaded."""
        with self.loaded.fork() as box:
            # JSON of plain texts is Python source too.
            outcome = box.run(f"handle({json.dumps(document)})")
        if outcome.ok:
            return outcome.result
        status = outcome.status
        raise Refused(f"{status.type}: {status.message}" if status.kind == "raised" else f"it exceeded {status.limit}")


def main() -> dict[str, Any]:
    """Tries every plug-in on every document."""
    results: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "stop.json").write_text('["the", "a", "and"]')
        for name, source in PLUGINS.items():
            try:
                plugin = Plugin(source, Path(folder), {"one": 3, "two": 5})
                results[name] = [plugin.handle(document) for document in DOCUMENTS]
            except Refused as refused:
                results[name] = f"refused: {refused}"
            print(f"{name}: {results[name]}")
    return results


if __name__ == "__main__":
    main()
