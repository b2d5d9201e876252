"""The driver in the real guest: `run` gives the replies to a few turns of one."""
import base64
import json
import os
import subprocess

DRIVER = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
FILES = ("streams", "guards", "seeds", "answer", "split", "tools_wire", "tools_schema", "tools", "tools_aio", "turn")

# Runs in the guest: makes the driver as the host does, then the turns, with NULs between their outputs.
BOOT = """
import os, sys, types
# The image has a driver already, and the finders of two would ask each other for ever.
sys.meta_path[:] = [finder for finder in sys.meta_path if getattr(finder, "__module__", "") != "_sandcell"]
sys.modules["__main__"] = types.ModuleType("__main__")
m = types.ModuleType("_sandcell")
sys.modules["_sandcell"] = m
source = "".join(open(f"/drv/{name}.py").read() + "\\n" for name in FILES)
exec(compile(source, "<sandcell>", "exec"), m.__dict__)
m.install()
WARM
m.freeze()
turns, repeat = TURNS
answers = []
for _ in range(repeat):
    for request in turns:
        answers.append(m.turn(request))
        if repeat == 1:
            os.write(1, b"\\0")
            os.write(2, b"\\0")
if repeat == 1:
    os.write(1, b"\\1" + repr(answers).encode())
"""


class Reply:
    def __init__(self, answer, out, err):
        self.raw, self.out, self.err = answer, out, err
        self.answer = json.loads(answer) if answer else {}

    def __getattr__(self, name):
        return self.answer.get(name)


# The command to run.
sandcell = "sandcell"


def outcome(turns, warm="", repeat=1, options=()):
    turns = [turn if isinstance(turn, bytes) else b"\n" + turn.encode() for turn in turns]
    code = BOOT.replace("FILES", repr(FILES)).replace("WARM", warm).replace("TURNS", f"({turns!r}, {repeat})")
    command = [sandcell, "run", "--image", "python", "--json", "--limit", "fuel=100000000000"]
    command += ["--limit", "deadline_ms=120000", "--mount", DRIVER + ":/drv", *options, "-c", code]
    return json.loads(subprocess.run(command, capture_output=True, check=False).stdout)


def run(*turns, warm="", options=()):
    """The replies of `turns` in one guest."""
    ended = outcome(turns, warm, 1, options)
    out = ended["stdout"] if "stdout" in ended else base64.b64decode(ended["stdout_base64"]).decode("utf-8", "replace")
    assert ended["status"] == {"kind": "exited", "code": 0}, (ended["status"], out[-300:], ended.get("stderr"))
    *outs, answers = out.split("\0")
    errs = ended["stderr"].split("\0")
    return [Reply(*parts) for parts in zip(eval(answers[1:]), outs, errs)]


def one(source, **more):
    return run(source, **more)[0]
