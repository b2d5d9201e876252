"""Runs many programs on fresh sandboxes behind the face of ``concurrent.futures.Executor``."""

from __future__ import annotations

import inspect
import json
import os
import textwrap
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import Any

from sandcell._errors import ConfigTypeError
from sandcell._sandcell import Outcome, Pool

_Work = "str | Callable[..., Any]"
_Hook = Callable[[int, int], None]


class SandboxExecutor(Executor):
    """Each submitted program runs in a sandbox that nobody used before.

    A program is source code, whose future gives its ``Outcome``; or a function, whose *source* runs in
    the guest with arguments that have a JSON form, and whose future gives the value it returned or
    raises ``RunFailed``. Nothing of the function's surroundings comes along.

    ``max_workers`` threads share a ``Pool`` made with the remaining arguments, as for ``Sandbox``.
    ``progress`` is called with the number of finished and of submitted programs.
    """

    def __init__(
        self,
        image: Any = "python",
        *,
        max_workers: int | None = None,
        progress: _Hook | None = None,
        **sandbox: Any,
    ) -> None:
        workers = max_workers if max_workers is not None else (os.cpu_count() or 1)
        if workers < 1:
            raise ConfigTypeError("argument `max_workers`: it must be at least 1", "document_invalid", 107)
        sandbox.setdefault("max_sandboxes", 2 * workers)
        sandbox.setdefault("max_host_bytes", 1 << 50)
        self._pool = Pool(image, **sandbox)
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="sandcell")
        self._progress = progress
        self._lock = threading.Lock()
        self._finished = 0
        self._submitted = 0

    def submit(self, work: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Schedules source code, or a function by its source with JSON arguments."""
        source, is_function = _source(work, args, kwargs)
        with self._lock:
            self._submitted += 1
        future = self._threads.submit(self._run, source, is_function)
        future.add_done_callback(self._tell)
        return future

    def map(
        self, fn: Any, *iterables: Iterable[Any], timeout: float | None = None, chunksize: int = 1
    ) -> Iterator[Any]:
        """As ``Executor.map``. ``map(programs)`` with an iterable of source code gives their outcomes in order."""
        if iterables or callable(fn):
            return super().map(fn, *iterables, timeout=timeout, chunksize=chunksize)
        futures = [self.submit(program) for program in ([fn] if isinstance(fn, str) else fn)]
        return (future.result(timeout) for future in futures)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """As ``Executor.shutdown``. Programs under way come to their end."""
        self._threads.shutdown(wait=wait, cancel_futures=cancel_futures)
        if wait:
            self._pool.close()

    def _run(self, source: str, is_function: bool) -> Any:
        with self._pool.acquire(within="1d") as box:
            outcome = box.run(source)
        if not is_function:
            return outcome
        return _returned(outcome.check())

    def _tell(self, _: Future[Any]) -> None:
        with self._lock:
            self._finished += 1
            finished, submitted = self._finished, self._submitted
        if self._progress is not None:
            self._progress(finished, submitted)


def _source(work: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[str, bool]:
    if isinstance(work, str):
        if args or kwargs:
            raise ConfigTypeError("source code takes no arguments; a function does", "document_invalid", 107)
        return work, False
    if not inspect.isfunction(work):
        kind = type(work).__name__
        raise ConfigTypeError(
            f"argument `work`: expected source code or a plain function, not {kind}", "document_invalid", 107
        )
    if work.__name__ == "<lambda>" or work.__closure__:
        raise ConfigTypeError(
            f"function `{work.__qualname__}` cannot be sent: only a `def` without a closure has a source of its own",
            "document_invalid",
            107,
        )
    try:
        given = json.dumps([args, kwargs], allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ConfigTypeError(f"the arguments have no JSON form: {error}", "document_invalid", 107) from error
    definition = textwrap.dedent(inspect.getsource(work))
    call = f"import json as _json\n_args, _kwargs = _json.loads({given!r})\n{work.__name__}(*_args, **_kwargs)\n"
    return f"{definition}\n{call}", True


def _returned(outcome: Outcome) -> Any:
    return outcome.result
