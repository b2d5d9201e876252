"""Runs turns in `__main__`. `turn` is what the host calls, `install` and `freeze` make an image of it."""
import builtins
import gc
import linecache
import os
import sys

_main = sys.modules["__main__"].__dict__
_modules = sys.modules
_count = 0
_reserve = None  # freed when memory runs out, so that the error can still be told
_RESERVE_BYTES = 512 << 10
_NAMES_LAST = 63  # as many sources of earlier turns are kept for tracebacks
_NAMES = tuple(f"<turn {number}>" for number in range(1, _NAMES_LAST + 2))
_sources = linecache.cache
_files = []  # named programs whose sources are kept
_base_names = frozenset()
_eval = eval


def turn(request):
    """Runs one request and returns its answer (see README.md). Never raises."""
    global _count
    error = value = None
    name = None
    try:
        if request[:1] == b"\n":
            source = request[1:].decode()
        elif request[:2] == b"f\n":
            for seeder in _seeders:
                seeder()
            source = request[2:].decode()
        elif request == b"!":
            _flush()
            return b""
        elif request == b"q":
            return _finish()
        else:
            source, name = _read_head(request)
        if not source:
            return b""
        if name is None:
            name = _NAMES[_count & _NAMES_LAST]
            _count += 1
            if _count > _NAMES_LAST:
                name = _later_name()
        # Whole entries, because linecache ignores lazy ones for names in angle brackets.
        _sources[name] = (len(source), None, source.splitlines(True), name)
        for code in _split(source, name):
            if code.co_flags & 0x80:
                value = _await(code)
            else:
                value = _eval(code, _main)
    except BaseException as caught:
        error = caught
    try:
        if error is not None or value is not None or "matplotlib.pyplot" in _modules:
            answer = _answer(error, value, name)
        else:
            answer = b""
        error = value = None
        if sys.stdout is not _out or sys.stderr is not _err or sys.stdin is not _in or _in_raw.touched or _out.line_buffering:
            _restore_streams()
        _out.flush()
        _err.flush()
        return answer
    except BaseException:
        # A stream that was closed or detached, or no memory for an answer.
        try:
            _restore_streams()
            _flush()
            return answer
        except BaseException:
            return b'{"raised":{"type":"MemoryError","message":"","traceback":"MemoryError\\n"}}'


def _answer(error, value, name):
    """The JSON of an answer; empty when there is nothing to say."""
    global _reserve
    if error is None:
        kind = type(value)
        if kind is int and -0x8000_0000_0000_0000 <= value <= 0xFFFF_FFFF_FFFF_FFFF:
            if "matplotlib.pyplot" not in _modules:
                return b'{"result":%d}' % value
    answer, room = {}, _result_bytes - 200
    if error is not None:
        _reserve = None
        if isinstance(error, SystemExit):
            answer["exit"] = _exit_code(error)
        else:
            _put_raised(answer, error, name, _main)
        room //= 2
    elif value is not None:
        room = _put_value(answer, value, room)
    pyplot = _modules.get("matplotlib.pyplot")
    if pyplot is not None:
        _put_figures(answer, pyplot, room)
    encoded = _encode(answer).encode() if answer else b""
    if error is not None:
        error.__traceback__ = error = None
        _keep_reserve()
    return encoded


def _keep_reserve():
    global _reserve
    try:
        _reserve = bytearray(_RESERVE_BYTES)
    except MemoryError:
        _reserve = None


def _later_name():
    """The name of a turn whose number is high: the oldest kept source makes room."""
    _sources.pop(f"<turn {_count - _NAMES_LAST}>", None)
    return f"<turn {_count}>"


def _read_head(request):
    """A request whose head says more than `f`: its source, and the file name to show."""
    global _result_bytes
    head, _, source = request.partition(b"\n")
    brace = head.find(b"{")
    flags = head if brace < 0 else head[:brace]
    if b"f" in flags:
        _reseed()
    elif b"F" in flags:
        _forget_tools()
        _unseed()
        for seeder in _find_seeders():
            seeder()
    name = None
    if brace >= 0:
        import json

        options = json.loads(head[brace:])
        name = options.get("name")
        if name is not None:
            _main["__file__"] = name
            if name not in _files:
                _files.append(name)
                if len(_files) > _NAMES_LAST:
                    _sources.pop(_files.pop(0), None)
        if "argv" in options:
            sys.argv = list(options["argv"])
        if "env" in options:
            os.environ.update(options["env"])
        if options.get("tools"):  # they may be others than those that were listed
            _forget_tools()
        if "result_bytes" in options:
            _result_bytes = max(int(options["result_bytes"]), 256)
        if "lines" in options:
            _out.reconfigure(line_buffering=True)
        path = options.get("path0")
        if path is not None and sys.path[:1] != [path]:
            sys.path.insert(0, path)
        if options.get("globals"):
            _bind_tools()
    return source.decode(), name


def _await(code):
    """Runs a program that awaits at top level."""
    import asyncio

    asyncio.run(_eval(code, _main))
    return _main.pop(_value_name, None)


def _finish():
    """What the end of an interpreter does: exit functions, then the program's variables go."""
    try:
        atexit = _modules.get("atexit")
        if atexit is not None:
            atexit._run_exitfuncs()
    except BaseException as error:
        _put_raised({}, error, None, _main)
    try:
        names = [name for name in _main if name not in _base_names]
        if _bound:  # the tools stay, for those who call one as they go
            names = [name for name in names if _main[name] is not _bound.get(name)]
        if names:
            # The order of module finalisation: private names first. Files are closed, so written.
            for name in names:
                if name[:1] == "_" and name[:2] != "__":
                    _main[name] = None
            for name in names:
                _main[name] = None
            for name in names:
                _main.pop(name, None)
            gc.collect()
    except BaseException:
        pass
    _restore_streams()
    _flush()
    return b""


def install():
    """Prepares the interpreter. Called once, before the recipe's warm-up."""
    main = sys.modules["__main__"]
    for name, value in (("__name__", "__main__"), ("__doc__", None), ("__package__", None), ("__spec__", None)):
        _main.setdefault(name, value)
    _main.setdefault("__builtins__", builtins)
    main.__name__ = "__main__"
    sys.argv = ["-c"]
    import _sitebuiltins

    for name in ("exit", "quit"):
        setattr(builtins, name, _sitebuiltins.Quitter(name, "Ctrl-D (i.e. EOF)"))
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except BaseException:
            pass
    _open_out()
    _open_err()
    _open_in()
    _install_guards()
    _install_tools()
    _keep_reserve()


def freeze():
    """Makes the interpreter ready to be saved as an image. Called last, after the recipe's warm-up."""
    global _count, _seeders, _base_names, _main
    main, _main = _main, {"__name__": "__main__", "__builtins__": builtins}
    for source in _PRACTICE * 8:  # so that the interpreter has specialised the way of a turn
        turn(source)
    _practise_tools()
    _main = main
    _count = 0
    for name in ("last_exc", "last_type", "last_value", "last_traceback"):
        if hasattr(sys, name):
            delattr(sys, name)
    _sources.clear()
    _files.clear()
    sys.argv = ["-c"]
    _restore_streams()
    _flush()
    _unseed()
    _seeders = _find_seeders()
    _base_names = frozenset(_main)
    bytearray(4 << 20)  # free heap, so that small turns need not grow the memory
    gc.collect()
    gc.freeze()


_PRACTICE = (b"\nx=41; print(end='')", b"f\nx", b"\nx=1\ny=2", b"\ndef f():\n  pass\nprint(end='')", b"\nx=1\nx")
