"""Many tool calls in one frame: `tools.map`, and `tools.aio` for asyncio."""

_BATCH_MOST = 1000  # calls of one frame
_BATCH_BYTES = 512 << 10  # of their arguments, so that a frame stays below `host_call_bytes`


def _map(tool, *iterables, return_exceptions=False):
    """Call `tool` for each item of the iterables, as `map` does, and return the list of values.

    The calls of a thousand items go out together and run side by side on the host. The first error is raised, after
    the calls that went out with it are done; with `return_exceptions` errors stand in the list instead.
    """
    face = getattr(tool, "_face", None)
    if face is None:
        raise TypeError(f"tools.map() takes one of the tools first, such as tools.NAME, not {type(tool).__name__}")
    if not iterables:
        raise TypeError("tools.map() needs at least one iterable of arguments")
    results, batch, places, size = [], [], [], 0
    for given in zip(*iterables):
        try:
            call = b"%b%b}" % (face.entry, _arguments_json(face.named(given, ())))
        except ToolArgumentError as error:
            if not return_exceptions:
                raise
            results.append(error)
            continue
        if batch and (len(batch) == _BATCH_MOST or size + len(call) > _BATCH_BYTES):
            _fill(results, places, _call_batch(batch), return_exceptions)
            batch, places, size = [], [], 0
        batch.append(call)
        places.append(len(results))
        results.append(None)
        size += len(call)
    if batch:
        _fill(results, places, _call_batch(batch), return_exceptions)
    return results


def _fill(results, places, outcomes, return_exceptions):
    for place, (value, error) in zip(places, outcomes):
        if error is not None and not return_exceptions:
            raise error
        results[place] = value if error is None else error


def _call_batch(calls):
    """The outcomes of calls, in their order, each a value and None or None and the error."""
    number = next(_frame_numbers)
    frame = b'{"v":2,"id":%d,"op":"batch","calls":[%b]}' % (number, b",".join(calls))
    results = _field(_read_answer(_exchange(frame), 2, number), "results")
    if type(results) is not list or len(results) != len(calls):
        raise ToolProtocolError("the host's answer has not one result for each call")
    outcomes = []
    for result in results:
        if type(result) is not dict:
            raise ToolProtocolError("the host's answer has a result that is not an object")
        if result.get("ok") is True and "value" in result:
            outcomes.append((result["value"], None))
        else:
            outcomes.append((None, _failure(result)))
    return outcomes


class _Aio:
    """The tools as coroutine functions. Calls of one turn of the event loop go to the host together."""

    def __getattr__(self, name):
        if name[:1] == "_":
            raise AttributeError(f"'tools.aio' has no attribute {name!r}", name=name)
        listed = _list_tools()
        if name not in listed:
            raise AttributeError(_unknown(name, listed), name=name)
        return self[name]

    def __getitem__(self, name):
        descriptor = _list_tools()[name]
        face = _Face(descriptor)

        async def function(*given, **named):
            return await _join_batch(face, given, named)

        _dress(function, face, descriptor)
        self.__dict__[name] = function
        return function

    def __dir__(self):
        return sorted(_list_tools())

    def __repr__(self):
        return "<host.tools.aio>"


_tools_aio = _Aio()
_HELPERS = {"aio": _tools_aio, "describe": _describe, "map": _map, "search": _search}
for _name in ("describe", "map", "search"):
    _HELPERS[_name].__name__ = _HELPERS[_name].__qualname__ = _name
    _HELPERS[_name].__module__ = "host.tools"
del _name

_open_batch = _open_loop = None  # the calls that wait for the loop's next turn, as pairs of future and call


def _join_batch(face, given, named):
    """A future of the call, which goes out with the others that are made before the loop turns."""
    global _open_batch, _open_loop
    from asyncio import get_running_loop

    call = b"%b%b}" % (face.entry, _arguments_json(face.named(given, named) if given else named))
    loop = get_running_loop()
    future = loop.create_future()
    batch = _open_batch
    if batch is None or loop is not _open_loop or len(batch) == _BATCH_MOST:
        batch = _open_batch = []
        _open_loop = loop
        loop.call_soon(_send_batch, batch)
    batch.append((future, call))
    return future


def _send_batch(batch):
    global _open_batch, _open_loop
    if batch is _open_batch:
        _open_batch = _open_loop = None
    waiting = [pair for pair in batch if not pair[0].done()]  # a cancelled task wants nothing any more
    batch.clear()
    start = size = 0
    for end, (_, call) in enumerate(waiting):
        if end > start and size + len(call) > _BATCH_BYTES:
            _settle(waiting[start:end])
            start, size = end, 0
        size += len(call)
    if waiting:
        _settle(waiting[start:])


def _settle(pairs):
    """Sends calls and gives each future its outcome."""
    try:
        outcomes = _call_batch([call for _, call in pairs])
    except BaseException as error:
        reason = error
        if isinstance(error, ToolError):  # one of its own for each, because each is raised somewhere else
            outcomes = [(None, _alike(error)) for _ in pairs]
        else:
            outcomes = [(None, reason) for _ in pairs]
    for (future, _), (value, error) in zip(pairs, outcomes):
        if future.done():
            continue
        if error is None:
            future.set_result(value)
        else:
            future.set_exception(error)


def _alike(error):
    copy = type(error)(*error.args)
    copy.kind = error.kind
    return copy
