"""What somebody has who has just installed the wheels: run in a fresh environment, with an empty cache.

`check_installed.py README`: the README's own program, the guests inside the wheel, and the command. PATH is empty
meanwhile, so that no compiler and no client of a registry can be started.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SMALL = {
    "javascript": "const doubled = await Promise.all([1, 20].map(async x => x * 2)); doubled[0] + doubled[1]",
    "typescript": "const answer: number = 42; answer",
    "lua": "return 6 * 7",
}


def main() -> None:
    program = program_of(Path(sys.argv[1]).read_text())
    os.environ["PATH"] = ""
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        os.environ["SANDCELL_CACHE"] = str(Path(folder, "cache"))
        began = time.monotonic()
        check_readme(program)
        print(f"README's program, in a process of its own: {time.monotonic() - began:.1f} s")
        check_small()
        check_command()


def program_of(readme: str) -> str:
    """The first program in Python of the section about Python, of which there is one."""
    _, section = readme.split("\n## From Python\n")
    return section.split("```python\n", 1)[1].split("```", 1)[0]


def check_readme(program: str) -> None:
    Path("data").mkdir()
    Path("data/t.csv").write_text("a,b\n1,x\n2,y\n3,z\n")
    Path("program.py").write_text(program)
    # -W error: a package that does not fit would be warned of, and the image built.
    ran = subprocess.run([sys.executable, "-W", "error", "program.py"], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.startswith("exited 7.5 "), ran.stdout


def check_small() -> None:
    import sandcell

    for image, code in SMALL.items():
        with sandcell.Sandbox(image) as box:
            out = box.run(code).check()
            assert out.result == 42, (image, out)

    async def run() -> sandcell.Outcome:
        async with sandcell.Sandbox("javascript") as box:
            return await box.run_async("6 * 7")

    assert asyncio.run(run()).result == 42


def check_command() -> None:
    console = Path(sys.executable).with_name("sandcell")
    for command in ([str(console)], [sys.executable, "-m", "sandcell"]):
        ran = subprocess.run([*command, "run", "-c", "print(6 * 7)"], capture_output=True, text=True)
        assert (ran.returncode, ran.stdout) == (0, "42\n"), ran
        told = subprocess.run([*command, "doctor"], capture_output=True, text=True)
        assert told.returncode == 0, told
        for line in ("guests here     javascript 1.", "image packages  sandcell-image-python ", "python, "):
            assert line in told.stdout, told.stdout


if __name__ == "__main__":
    main()
