"""What a turn gives back: a value, artifacts or an error, as JSON of at most `result_bytes`."""
import linecache
import sys
from json import JSONEncoder

_result_bytes = 1 << 20
_TEXT_MOST = 64 << 10  # of a message or a traceback
_DEPTH_MOST = 100  # readers of JSON commonly stop at 128
_encode = JSONEncoder(ensure_ascii=False, allow_nan=False, check_circular=False, separators=(",", ":")).encode
_PLAIN = frozenset((int, bool, float, str, list, tuple, dict, type(None), bytes, set, frozenset, complex))
_INFINITY = float("inf")


def _clean(text):
    """`text` as UTF-8 can carry it."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "backslashreplace").decode()
    return str.__str__(text)


def _cut(text, most):
    """The head and the tail of a text longer than `most` characters."""
    if len(text) <= most:
        return text
    half = max(most - 32, 0) // 2
    return f"{text[:half]}\n… {len(text) - 2 * half} characters …\n{text[len(text) - half:]}"


def _fit(text, room):
    """`text` cut so that its JSON form has at most `room` bytes, and whether it was cut."""
    whole = text
    while True:
        size = len(_encode(text).encode())
        if size <= room:
            return text, text is not whole
        if len(text) < 80:
            return "", True
        text = _cut(whole, min(len(text) * 9 // 10, len(text) * room // size))


def _has_json_form(value, depth, budget):
    """Whether JSON says exactly what `value` is. `budget[0]` bounds how much is looked at."""
    kind = type(value)
    if kind is str or value is None or kind is bool:
        return True
    if kind is int:
        return -0x8000_0000_0000_0000 <= value <= 0xFFFF_FFFF_FFFF_FFFF
    if kind is float:
        return -_INFINITY < value < _INFINITY
    if depth <= 0:
        return False
    if kind is dict:
        for key in value:
            if type(key) is not str:
                return False
        value = value.values()
    elif kind is not list and kind is not tuple:
        return False
    budget[0] -= len(value)
    if budget[0] < 0:
        return False
    for item in value:
        if not _has_json_form(item, depth - 1, budget):
            return False
    return True


def _repr(value):
    try:
        return _clean(repr(value))
    except BaseException as error:
        return f"<{type(value).__name__} object: its repr raised {type(error).__name__}>"


def _put_value(answer, value, room):
    """Adds `result` or `repr`; returns the room that is left."""
    kind = type(value)
    try:
        if _has_json_form(value, _DEPTH_MOST, [room // 2]):
            size = len(_encode(value).encode())
            if size <= room:
                answer["result"] = value
                return room - size
            answer["truncated"] = True
    except (UnicodeEncodeError, RecursionError, MemoryError, RuntimeError):
        pass  # a lone surrogate, say: the repr spells it out
    artifacts = [] if kind in _PLAIN else _rich_forms(value)
    text, cut = _fit(_repr(value), room // 2 if artifacts else room)
    answer["repr"] = text
    if cut:
        answer["truncated"] = True
    room -= len(_encode(text).encode())
    for mime, data in artifacts:
        room = _put_artifact(answer, mime, "result", data, room)
    return room


_RICH = (
    ("_repr_png_", "image/png"),
    ("_repr_jpeg_", "image/jpeg"),
    ("_repr_svg_", "image/svg+xml"),
    ("_repr_html_", "text/html"),
    ("_repr_markdown_", "text/markdown"),
    ("_repr_latex_", "text/latex"),
    ("_repr_json_", "application/json"),
)


def _rich_forms(value):
    """The MIME forms that the type of `value` offers, as (mime, data). Those that raise are left out."""
    kind, forms = type(value), {}
    for method, mime in (("_repr_mimebundle_", None), *_RICH):
        function = getattr(kind, method, None)
        if function is None:
            continue
        try:
            data = function(value)
            if type(data) is tuple:  # with metadata
                data = data[0]
            if data is None:
                continue
            if mime is not None:
                forms.setdefault(mime, data)
            else:
                for key, item in data.items():
                    if type(key) is str and key != "text/plain" and item is not None:
                        forms.setdefault(key, item)
        except BaseException:
            continue
    return list(forms.items())


def _put_artifact(answer, mime, name, data, room):
    """Adds an artifact if there is room; returns what is left."""
    from binascii import b2a_base64

    try:
        if isinstance(data, str):
            # Notebook convention: a picture may already be base64.
            if mime.startswith("image/") and mime != "image/svg+xml":
                import base64

                data = base64.b64decode(data)
            else:
                data = data.encode("utf-8", "backslashreplace")
        elif not isinstance(data, (bytes, bytearray, memoryview)):
            data = _encode(data).encode()
        entry = {"mime": _clean(mime), "name": name, "bytes_base64": b2a_base64(data, newline=False).decode()}
        size = len(_encode(entry).encode()) + 1
    except BaseException:
        return room
    if size > room:
        answer["truncated"] = True
        return room
    answer.setdefault("artifacts", []).append(entry)
    return room - size


def _put_figures(answer, pyplot, room):
    """Open matplotlib figures become PNG artifacts and are closed."""
    from io import BytesIO

    try:
        numbers = pyplot.get_fignums()
    except BaseException:
        return room
    for index, number in enumerate(numbers, 1):
        try:
            file = BytesIO()
            pyplot.figure(number).savefig(file, format="png")
            room = _put_artifact(answer, "image/png", f"figure-{index}", file.getvalue(), room)
        except BaseException as error:
            try:
                sys.stderr.write(f"figure {number} could not be drawn: {type(error).__name__}: {error}\n")
            except BaseException:
                pass
    try:
        pyplot.close("all")
    except BaseException:
        pass
    return room


def _exit_code(error):
    """As the interpreter does: None is 0, an integer is itself, anything else is printed and 1."""
    code = error.code
    if code is None:
        return 0
    if isinstance(code, int):
        return code & 0xFFFF_FFFF
    try:
        sys.stderr.write(f"{code}\n")
    except BaseException:
        pass
    return 1


def _put_raised(answer, error, name, main):
    """Adds `raised`, and shows the traceback on the guest's standard error."""
    kind = type(error)
    try:
        title = kind.__qualname__
        if kind.__module__ not in ("builtins", "__main__"):
            title = f"{kind.__module__}.{title}"
    except BaseException:
        title = "<unknown>"
    try:
        message = _clean(str(error))
    except BaseException:
        message = "<exception str() failed>"
    try:
        text = _traceback(error, name, main)
    except BaseException:
        # No memory or no stack left to format it with.
        text = f"{title}: {message}\n" if message else f"{title}\n"
    text = _cut(_clean(text), _TEXT_MOST)
    try:
        if sys.excepthook is sys.__excepthook__:
            sys.stderr.write(text)
        else:
            sys.excepthook(kind, error, error.__traceback__)
    except BaseException:
        pass
    room = _result_bytes // 4
    raised = {"type": _clean(title)[:1000]}
    raised["message"], short = _fit(_cut(message, _TEXT_MOST), room)
    raised["traceback"], cut = _fit(text, room)
    answer["raised"] = raised
    if short or cut:
        answer["truncated"] = True


def _traceback(error, name, main):
    """What CPython would print, from the first frame that is the user's."""
    import traceback
    from io import StringIO

    entry = error.__traceback__
    while entry is not None and entry.tb_frame.f_globals is globals():
        entry = entry.tb_next
    users = entry
    while users is not None and users.tb_frame.f_globals is not main:
        users = users.tb_next
    error.__traceback__ = users or entry
    if isinstance(error, (ToolError, AttributeError)):
        _end_with_users(error.__traceback__)
    if isinstance(error, SyntaxError) and error.text is None and error.filename == name and error.lineno:
        error.text = linecache.getline(name, error.lineno) or None
    counts = _shorten_chain(error)
    file = StringIO()
    traceback.print_exception(error, file=file)
    text = file.getvalue()
    if counts:
        import re

        pattern = re.compile(r"\[Previous line repeated \d+ more times?\]")
        if len(pattern.findall(text)) == len(counts):
            told = iter(counts)
            text = pattern.sub(lambda _: f"[Previous line repeated {next(told)} more times]", text)
            text = text.replace("repeated 1 more times]", "repeated 1 more time]")
    return text


def _end_with_users(entry):
    """Drops what a call of a tool went through inside the driver."""
    last = None
    while entry is not None:
        if entry.tb_frame.f_globals is not globals():
            last = entry
        entry = entry.tb_next
    if last is not None:
        last.tb_next = None


def _shorten_chain(error):
    """Drops the entries of deep recursions that would not be printed anyway, but cost a million fuel each.

    Returns how often each repeated line was there, in the order in which they are printed.
    """
    chain, seen, counts = [], set(), []
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        chain.append(error)
        if len(chain) == _CHAIN_MOST:
            error.__cause__ = error.__context__ = None
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    for error in reversed(chain):
        _shorten(error.__traceback__, counts, _FRAMES_MOST if error is chain[0] else _FRAMES_MOST // 5)
    return counts


_SHOWN_REPEATS = 4  # three are printed in full; from the fourth on they are counted
_FRAMES_MOST = 200
_CHAIN_MOST = 20


def _shorten(entry, counts, most):
    first, kept, repeats, shown = entry, 0, 0, None
    code = place = line = None
    while entry is not None:
        here, position = entry.tb_frame.f_code, entry.tb_lasti
        if here is code and (position == place or entry.tb_lineno == line):
            repeats += 1
            if repeats == _SHOWN_REPEATS:
                shown = entry
        else:
            if repeats >= _SHOWN_REPEATS:
                shown.tb_next = entry
                counts.append(repeats - 3)
            code, place, line, repeats = here, position, entry.tb_lineno, 1
        if repeats <= _SHOWN_REPEATS:
            kept += 1
        entry = entry.tb_next
    if repeats >= _SHOWN_REPEATS:
        shown.tb_next = None
        counts.append(repeats - 3)
    if kept > most:  # functions that call each other: the head and the tail
        entry = first
        for _ in range(most // 2 - 1):
            entry = entry.tb_next
        last = entry
        for _ in range(kept - most + 1):
            last = last.tb_next
        entry.tb_next = last
