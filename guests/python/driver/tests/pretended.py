"""A host that is not there: answers frames inside the Python that sends them, and is strict about them."""
import json

import cases


class Host:
    """A pretended host: strict about frames, and remembers them."""

    def __init__(self, *tools, **functions):
        self.tools, self.functions = list(tools), functions
        self.frames, self.events, self.raw = [], [], None
        self.ids = set()

    def __call__(self, frame):
        self.events.append("frame")
        assert type(frame) is bytes
        frame = json.loads(frame.decode(), parse_constant=self.refuse, object_pairs_hook=self.unique)
        self.frames.append(frame)
        assert frame["id"] not in self.ids
        self.ids.add(frame["id"])
        if self.raw is not None:
            answer = self.raw(frame) if callable(self.raw) else self.raw
            if isinstance(answer, BaseException):
                raise answer
            return answer
        answer = {"v": frame["v"], "id": frame["id"], **self.answer(**frame)}
        return json.dumps(answer, separators=(",", ":"), ensure_ascii=False).encode()

    def refuse(self, name):
        raise AssertionError(f"{name} was sent")

    def unique(self, pairs):
        assert len(dict(pairs)) == len(pairs)
        return dict(pairs)

    def answer(self, v, id, op, **more):
        if op == "list":
            return {"ok": True, "tools": self.tools}
        if op == "call":
            return self.call(**more)
        assert v == 2
        if op == "batch":
            assert 1 <= len(more["calls"]) <= 1000
            return {"ok": True, "results": [self.call(**call) for call in more["calls"]]}
        if op == "describe":
            assert len(more["names"]) <= 1000
            return {"ok": True, "value": f"{more['language']}: {', '.join(more['names'])}"}
        return {"ok": True, "value": [op, more]}

    def call(self, tool, args):
        function = self.functions.get(tool)
        if function is None:
            return {"ok": False, "error": {"kind": "unknown_tool", "message": f"no tool {tool}"}}
        try:
            return {"ok": True, "value": function(**args)}
        except Exception as error:
            kind, message = error.args if type(error) is cases.Failure else ("tool_error", str(error))
            return {"ok": False, "error": {"kind": kind, "message": message}}
