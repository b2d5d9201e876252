"""Runs many programs on fresh sandboxes behind the face of ``concurrent.futures.Executor``."""

from __future__ import annotations

import inspect
import json
import os
import textwrap
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import Any

from sandcell._errors import ConfigTypeError, wrong_type
from sandcell._sandcell import Outcome, Pool, Sandbox

_Work = "str | Callable[..., Any]"
_Hook = Callable[[int, int], None]

MAX_WORKERS = 10_000
"""More threads than any machine has a use for."""


class SandboxExecutor(Executor):
    """Each submitted program runs in a sandbox that nobody used before.

    A program is source code, whose future gives its ``Outcome``; or a function, whose *source* runs in
    the guest with arguments that have a JSON form, and whose future gives the value it returned or
    raises ``RunFailed``. Nothing of the function's surroundings comes along.

    ``max_workers`` threads share a ``Pool`` made with the remaining arguments, as for ``Sandbox``.
    ``progress`` is called with the number of finished and of submitted programs.
    Left by Ctrl-C, a ``with`` block ends the programs under way too.
    """

    def __init__(
        self,
        image: Any = "python",
        *,
        max_workers: int | None = None,
        progress: _Hook | None = None,
        **sandbox: Any,
    ) -> None:
        workers = _workers(max_workers)
        if progress is not None and not callable(progress):
            raise wrong_type("progress", "a function", progress)
        sandbox.setdefault("max_sandboxes", 2 * workers)
        sandbox.setdefault("max_host_bytes", 1 << 50)
        self._pool = Pool(image, **sandbox)
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="sandcell")
        self._progress = progress
        self._lock = threading.Lock()
        self._finished = 0
        self._submitted = 0
        self._running: set[Sandbox] = set()
        self._given_up = False

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
        if timeout is not None and (isinstance(timeout, bool) or not isinstance(timeout, (int, float))):
            raise wrong_type("timeout", "seconds", timeout)
        if iterables or callable(fn):
            for number, iterable in enumerate(iterables):
                if not isinstance(iterable, Iterable):
                    raise wrong_type(f"iterables[{number}]", "an iterable", iterable)
            return super().map(fn, *iterables, timeout=timeout, chunksize=chunksize)
        if not isinstance(fn, Iterable):
            raise wrong_type("fn", "source code, an iterable of it, or a plain function", fn)
        until = None if timeout is None else time.monotonic() + timeout
        return _in_order([self.submit(program) for program in ([fn] if isinstance(fn, str) else fn)], until)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """As ``Executor.shutdown``. Programs under way come to their end."""
        self._threads.shutdown(wait=wait, cancel_futures=cancel_futures)
        if wait:
            self._pool.close()

    def __exit__(self, kind: type[BaseException] | None, *exception: Any) -> None:
        try:
            if kind is not None and not issubclass(kind, Exception):
                self._give_up()
            self.shutdown()
        except BaseException:
            # Ctrl-C while programs come to their end.
            self._give_up()
            self.shutdown()
            raise

    def _give_up(self) -> None:
        """Ends what runs, and has nothing else begin."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        with self._lock:
            self._given_up = True
            running = list(self._running)
        for box in running:
            box.close()

    def _run(self, source: str, is_function: bool) -> Any:
        with self._pool.acquire(within="1d") as box:
            with self._lock:
                self._running.add(box)
                if self._given_up:
                    box.close()
            try:
                outcome = box.run(source)
            finally:
                with self._lock:
                    self._running.discard(box)
        if not is_function:
            return outcome
        return _returned(outcome.check())

    def _tell(self, _: Future[Any]) -> None:
        with self._lock:
            self._finished += 1
            finished, submitted = self._finished, self._submitted
        if self._progress is not None:
            self._progress(finished, submitted)


def _in_order(futures: list[Future[Any]], until: float | None) -> Iterator[Any]:
    futures.reverse()
    try:
        while futures:
            result = futures[-1].result(None if until is None else until - time.monotonic())
            futures.pop()
            yield result
    finally:
        for future in futures:
            future.cancel()


def _workers(given: Any) -> int:
    if given is None:
        return os.cpu_count() or 1
    if isinstance(given, bool) or not isinstance(given, int):
        raise wrong_type("max_workers", "an int", given)
    if not 1 <= given <= MAX_WORKERS:
        raise ConfigTypeError(f"argument `max_workers`: it must be from 1 to {MAX_WORKERS}", "document_invalid", 107)
    return given


def _source(work: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[str, bool]:
    if isinstance(work, str):
        if args or kwargs:
            raise ConfigTypeError("source code takes no arguments; a function does", "document_invalid", 107)
        return work, False
    if not inspect.isfunction(work):
        raise wrong_type("work", "source code or a plain function", work)
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
