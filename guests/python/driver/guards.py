"""What a guest cannot do says so in one clear Python error; asyncio works without sockets."""
import errno
import os
import sys

# Found by trying: pure Python calls take only heap, but freeing the traceback of a much deeper
# stack overflows the machine's.
_MOST_RECURSION = 30_000
_NO_THREADS = "threads cannot be started in this sandbox"
_NO_PROCESSES = "processes cannot be started in this sandbox"


def _no_thread(*_args, **_kwargs):
    raise RuntimeError(_NO_THREADS)


def _no_process(*_args, **_kwargs):
    raise OSError(errno.ENOTSUP, _NO_PROCESSES)


def _os_getattr(name):
    # Libraries ask `hasattr(os, "fork")`, so these stay absent.
    if name in ("fork", "forkpty", "posix_spawn", "posix_spawnp"):
        raise AttributeError(f"module 'os' has no attribute {name!r}: {_NO_PROCESSES}", name=name, obj=os)
    raise AttributeError(f"module 'os' has no attribute {name!r}", name=name, obj=os)


def _mend_selector_events(module):
    def nothing(self, *_args):
        pass

    def make_self_pipe(self):
        self._ssock = self._csock = None
        self._internal_fds = 0

    loop = module.BaseSelectorEventLoop
    loop._make_self_pipe = make_self_pipe
    loop._close_self_pipe = loop._write_to_self = nothing


def _mend_subprocess(module):
    def execute_child(self, *_args, **_kwargs):
        _no_process()

    def init(self, *_args, **_kwargs):
        self._child_created = False
        self.returncode = None
        _no_process()

    module.Popen._execute_child = execute_child
    module.Popen.__init__ = init


def _mend_process(module):
    module.BaseProcess.start = _no_process


_MENDED = {
    "asyncio.selector_events": _mend_selector_events,
    "subprocess": _mend_subprocess,
    "multiprocessing.process": _mend_process,
}


class _Mender:
    """A finder that only looks after the modules in `_MENDED`, as they are imported."""

    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if name not in _MENDED:
            return None
        for finder in sys.meta_path:
            if finder is not cls:
                spec = finder.find_spec(name, path, target)
                if spec is not None:
                    spec.loader = _MendingLoader(spec.loader, _MENDED[name])
                    return spec
        return None


class _MendingLoader:
    def __init__(self, loader, mend):
        self._loader, self._mend = loader, mend

    def __getattr__(self, name):
        return getattr(self._loader, name)

    def create_module(self, spec):
        return self._loader.create_module(spec)

    def exec_module(self, module):
        module.__spec__.loader = module.__loader__ = self._loader
        self._loader.exec_module(module)
        self._mend(module)


def _set_recursion_limit(limit, /, *, _set=sys.setrecursionlimit):
    """Set the maximum depth of the Python interpreter stack, at most what the sandbox survives."""
    _set(limit if type(limit) is not int or limit < _MOST_RECURSION else _MOST_RECURSION)


_set_recursion_limit.__name__ = _set_recursion_limit.__qualname__ = "setrecursionlimit"


def _install_guards():
    import _thread

    _thread.start_new_thread = _thread.start_new = _thread.start_joinable_thread = _no_thread
    threading = sys.modules.get("threading")
    if threading is not None:
        threading._start_new_thread = threading._start_joinable_thread = _no_thread
    for name in ("system", "execv", "execve"):
        if not hasattr(os, name):
            setattr(os, name, _no_process)
    os.__getattr__ = _os_getattr
    sys.setrecursionlimit = _set_recursion_limit
    for name, mend in _MENDED.items():
        if name in sys.modules:
            mend(sys.modules[name])
    sys.meta_path.insert(0, _Mender)
    os.environ.setdefault("MPLBACKEND", "agg")
