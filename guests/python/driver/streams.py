"""Standard streams: written once per turn, and whole again whatever the last turn did to them."""
import io
import sys

_out = _err = _in = None


class _Stdin(io.FileIO):
    """Descriptor 0; knows whether a turn read from it, so that none inherits buffered input."""

    touched = False

    def readinto(self, buffer):
        self.touched = True
        return super().readinto(buffer)

    def readall(self):
        self.touched = True
        return super().readall()

    def read(self, size=-1):
        self.touched = True
        return super().read(size)


def _open_out():
    global _out
    raw = io.FileIO(1, "w", closefd=False)
    raw.name = "<stdout>"
    _out = io.TextIOWrapper(io.BufferedWriter(raw, 1 << 16), "utf-8", "surrogateescape", "\n")
    _out.mode = "w"
    sys.stdout = sys.__stdout__ = _out


def _open_err():
    global _err
    raw = io.FileIO(2, "w", closefd=False)
    raw.name = "<stderr>"
    _err = io.TextIOWrapper(io.BufferedWriter(raw), "utf-8", "backslashreplace", "\n", line_buffering=True)
    _err.mode = "w"
    sys.stderr = sys.__stderr__ = _err


def _open_in():
    global _in, _in_raw
    _in_raw = _Stdin(0, "r", closefd=False)
    _in_raw.name = "<stdin>"
    _in = io.TextIOWrapper(io.BufferedReader(_in_raw), "utf-8", "surrogateescape")
    _in.mode = "r"
    sys.stdin = sys.__stdin__ = _in


def _flush():
    """Hands over what was written. A stream that cannot be flushed is replaced; never raises."""
    try:
        _out.flush()
    except BaseException:
        _replace(_out, _open_out)
    try:
        _err.flush()
    except BaseException:
        _replace(_err, _open_err)


def _replace(old, opener):
    try:
        old.detach()  # or the old one would be flushed again when it is collected
    except BaseException:
        pass
    try:
        opener()
    except BaseException:
        pass


def _restore_streams():
    """Undoes a turn that replaced, closed or detached a stream; what it wrote to its own is flushed."""
    for name, ours, opener in (("stdout", _out, _open_out), ("stderr", _err, _open_err), ("stdin", _in, _open_in)):
        theirs = getattr(sys, name, None)
        if theirs is not ours:
            try:
                theirs.flush()
            except BaseException:
                pass
            setattr(sys, name, ours)
        try:
            healthy = not ours.closed
        except BaseException:
            healthy = False
        if not healthy:
            opener()
    if _out.line_buffering:
        _out.reconfigure(line_buffering=False)
    if _in_raw.touched:
        _open_in()
