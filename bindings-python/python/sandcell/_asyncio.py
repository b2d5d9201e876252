"""The event loop's side of the asynchronous twins."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from sandcell._sandcell import Job

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


async def at_once(value: T) -> T:
    """What needs no waiting, as an awaitable."""
    return value
