"""``python -m sandcell`` and the console script ``sandcell``: the command, from the same library."""

from __future__ import annotations

import signal
import sys

from sandcell import _doctor
from sandcell._sandcell import _command


def main() -> int:
    """Runs the command line of this process and returns its exit status."""
    # The command installs handlers of its own, which must also hear what Python's would have taken.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    sys.stdout.flush()
    status = _command(["sandcell", *sys.argv[1:]])
    if sys.argv[1:] in (["doctor"], ["doctor", "--verify"]):
        print(*_doctor.lines(), sep="\n")
    return status


if __name__ == "__main__":
    sys.exit(main())
