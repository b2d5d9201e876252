"""The event loop's side of the asynchronous twins."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from sandcell._sandcell import Events, Job

T = TypeVar("T")


async def result_of(job: Job) -> Any:
    """Waits for a job without blocking the loop.

    A cancelled run is waited for until its guest has ended, so that nothing of it goes on behind the
    caller's back; the ``CancelledError`` then goes its way.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Any] = loop.create_future()

    def settle(result: Any, error: BaseException | None) -> None:
        if future.done():
            return
        if error is None:
            future.set_result(result)
        else:
            future.set_exception(error)

    def done(result: Any, error: BaseException | None) -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(settle, result, error)

    job.start(done)
    try:
        return await asyncio.shield(future)
    except asyncio.CancelledError:
        if not job.cancel():
            future.cancel()
        while not future.done():
            try:
                await asyncio.wait([future])
            except asyncio.CancelledError:
                # The guest is ending already; a second cancellation cannot end it faster.
                continue
        if not future.cancelled():
            future.exception()
        raise


async def next_of(events: Events) -> Any:
    """The next event. It is taken here and not by the job, so that a cancelled step loses none."""
    while True:
        await result_of(events._ready())
        event = events._take()
        if event is not None:
            return event


async def at_once(value: T) -> T:
    """What needs no waiting, as an awaitable."""
    return value


def call_on(
    loop: asyncio.AbstractEventLoop | None,
    context: contextvars.Context | None,
    function: Callable[..., Any],
    arguments: dict[str, Any],
    done: Callable[[Any, BaseException | None], None],
) -> Callable[[], None]:
    """Runs a coroutine function on the caller's loop, or on one of our own where none waits.

    ``done`` is called on that loop's thread. Returns the function that cancels the work.
    """
    where = _background_loop() if loop is None else loop
    variables = contextvars.copy_context() if context is None else context.copy()
    work: list[asyncio.Task[Any]] = []
    given_up = False

    async def whole() -> None:
        try:
            value = await function(**arguments)
        except asyncio.CancelledError as error:
            done(None, RuntimeError(f"the tool was cancelled: {error}"))
            raise
        except BaseException as error:
            done(None, error)
            if not isinstance(error, Exception):
                raise
        else:
            done(value, None)

    def begin() -> None:
        if given_up:
            done(None, RuntimeError("nobody waits for it any more"))
            return
        work.append(variables.run(where.create_task, whole()))

    def cancel() -> None:
        nonlocal given_up
        given_up = True
        if not where.is_closed():
            where.call_soon_threadsafe(lambda: [task.cancel() for task in work])

    where.call_soon_threadsafe(begin)
    return cancel


_lock = threading.Lock()
_background: asyncio.AbstractEventLoop | None = None


def _background_loop() -> asyncio.AbstractEventLoop:
    """A loop on a daemon thread, for coroutines that are called while no loop waits."""
    global _background
    with _lock:
        if _background is None:
            _background = asyncio.new_event_loop()
            threading.Thread(target=_background.run_forever, name="sandcell-tools", daemon=True).start()
        return _background


def _forget_background_loop() -> None:
    """After a fork: its thread is not here."""
    global _background, _lock
    _background = None
    _lock = threading.Lock()
