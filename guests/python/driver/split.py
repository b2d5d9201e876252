"""Finds the expression that ends a program, so that its value can be shown, at little more than one compilation.

`_split` gives one or two code objects; `eval` of the last one gives the value, or None. The value is that of a last
top-level statement that is an expression and is not followed by a semicolon. The exact way goes through the syntax
tree and costs more than twice a compilation, so three cheaper ways come first. Each accepts only what it can prove
and leaves the rest, all errors among it, to the tree.
"""
import re
from opcode import opmap

_TREE = 0x400  # ast.PyCF_ONLY_AST
_AWAIT = 0x2000  # ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
_FUTURES = 0x1FF_0000  # what `from __future__` sets in co_flags
_flags = 0  # the futures of earlier turns stay on, as in the interactive interpreter
_value_name = "__sandcell_value__"

_COMPOUND = frozenset(("if", "for", "while", "with", "try", "class", "def", "async"))
# Statement keywords that cannot stand inside brackets: a line that starts with one starts no expression.
_NEVER = frozenset(
    "def class with while try except finally elif import del raise assert pass global nonlocal".split()
)
_EITHER = frozenset(("for", "if"))
_ODD = frozenset("else async match case type lazy from yield return True False None __debug__".split())
_word = re.compile(r"[^\W\d]\w*").match
_assigns = re.compile(r"""[^\W\d]\w*[^'"=!<>:#()\n]*=(?!=)""").match

_NOP = opmap["NOP"]
_STORE_NAME = opmap["STORE_NAME"]
# How single mode ends in an expression: show it, drop it, return None.
_SHOW_AND_END = compile("x", "", "single").co_code[-8:]
_SHOW_AND_DROP = _SHOW_AND_END[:4]
_NOTHING_AND_END = _SHOW_AND_END[4:]
_KEEP_AND_END = bytes((_NOP, 0, _NOP, 0, _NOP, 0)) + _SHOW_AND_END[6:]
_DROP = bytes((_NOP, 0)) + _SHOW_AND_DROP[2:]
_bytecode_known = (
    # The patterns are safe to search bytewise: at an odd offset they would need opcode 1 with an inline cache.
    _SHOW_AND_END[0::2]
    == bytes(opmap[name] for name in ("CALL_INTRINSIC_1", "POP_TOP", "LOAD_COMMON_CONSTANT", "RETURN_VALUE"))
    and opmap.get("BINARY_SLICE") == _SHOW_AND_END[1] == 1
    and compile("x=y", "", "exec").co_code[-6:] == bytes((_STORE_NAME, 1)) + _SHOW_AND_END[4:]
)


def _split(source, name):
    """One line of simple statements: single mode, with `show` turned into `return`. Else as below."""
    # The first letters of compound statements, of imports of futures, and what needs no look.
    if "\n" in source or source[:1] in "ifwtcda@" and not _starts_simply(source) or "\r" in source:
        return _split_more(source, name)
    if ";" in source and (
        # Statements without code would show the value of the one before: `pass`, `assert 1`, `del ()`, `(x): int`.
        ":" in source
        or "ass" in source
        or "del" in source
        or "glob" in source
        or "#" in source
        or source[-1] in "; \t\f"
    ):
        return _split_more(source, name)
    try:
        code = compile(source, name, "single", _flags, True)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        code = None
    if code is None:
        return _split_more(source, name)
    bytecode = code.co_code
    if bytecode.find(_SHOW_AND_DROP) < 0:
        return (code,)
    bytecode = bytecode.replace(_SHOW_AND_END, _KEEP_AND_END)
    if bytecode.find(_SHOW_AND_DROP) >= 0:
        bytecode = bytecode.replace(_SHOW_AND_DROP, _DROP)
    return (code.replace(co_code=bytecode),)


def _starts_simply(source):
    word = _word(source)
    return word is not None and word[0] not in _COMPOUND and "__future__" not in source


def _split_more(source, name):
    global _flags
    parts = _split_lines(source, name) if "\n" in source else None
    if parts is None:
        parts = _split_tree(source, name)
    if "__future__" in source:
        _flags |= parts[0].co_flags & _FUTURES
    return parts


def _split_lines(source, name):
    """Several lines: the last one that can start a statement decides."""
    end = len(source)
    while True:
        start = source.rfind("\n", 0, end) + 1
        if source[start : start + 1] not in " \t\n\f)]}#\r":  # the empty string, too, is in it
            break
        if start == 0:
            return None
        end = start - 1
    if "\r" in source or source[start - 2 : start - 1] == "\\":
        return None
    last = source[start:]
    word = _word(source, start)
    word = word[0] if word is not None else ""
    if word in _ODD:
        return None
    try:
        if '"""' not in last and "'''" not in last:
            if word in _NEVER:
                return (compile(source, name, "exec", _flags, True),)
            # An assignment, unless the line is inside a call that began above; then the code ends differently.
            if word not in _EITHER and ":=" not in last and _assigns(last) and _bytecode_known:
                code = compile(source, name, "exec", _flags, True)
                ending = code.co_code[-6:]
                if ending[0] == _STORE_NAME and ending[2:] == _NOTHING_AND_END and not code.co_exceptiontable:
                    return (code,)
                return None
        return _split_at(source, start, last, word, name)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _split_at(source, start, last, word, name):
    """Both sides compile on their own: then the border lies between two statements."""
    lines = "\n" * source.count("\n", 0, start)
    if start == 0:
        code = None
        flags = _flags
    else:
        code = compile(source[:start], name, "exec", _flags, True)
        flags = _flags | code.co_flags & _FUTURES
    if word not in _EITHER:
        tail = compile(lines + last, name, "eval", flags, True)
    else:
        if "global" in last:
            return None
        tail = compile(lines + last, name, "exec", flags, True)
        if "__annotate__" in tail.co_names or "__conditional_annotations__" in tail.co_names:
            return None
    return (tail,) if code is None else (code, tail)


def _split_tree(source, name):
    """The exact way. Errors are those of the whole program."""
    import ast

    try:
        tree = compile(source, name, "exec", _flags | _TREE, True)
        flags = _flags
        if "__future__" in source:
            flags |= compile(source, name, "exec", _flags, True).co_flags & _FUTURES
    except RecursionError, MemoryError:
        # Too deep for a tree of objects, which need not be too deep to run.
        return (compile(source, name, "exec", _flags, True),)
    body = tree.body
    last = body[-1] if body else None
    if type(last) is not ast.Expr or _semicolon_follows(source, last):
        last = None
    try:
        if last is None:
            return (compile(tree, name, "exec", flags, True),)
        body.pop()
        tail = compile(ast.Expression(last.value), name, "eval", flags, True)
        if not body:
            return (tail,)
        return (compile(tree, name, "exec", flags, True), tail)
    except SyntaxError:
        if last is not None and (not body or body[-1] is not last):
            body.append(last)
        code = _compile_awaiting(ast, tree, last, name, flags) if "await" in source or "async" in source else None
        if code is not None:
            return (code,)
    return (compile(source, name, "exec", _flags, True),)  # raises what the whole program raises


def _compile_awaiting(ast, tree, last, name, flags):
    """Top-level `await`: one coroutine, whose value is left in a variable."""
    if last is not None:
        target = ast.copy_location(ast.Name(_value_name, ast.Store()), last)
        tree.body[-1] = ast.copy_location(ast.Assign([target], last.value), last)
    try:
        return compile(tree, name, "exec", flags | _AWAIT, True)
    except SyntaxError:
        return None


def _semicolon_follows(source, statement):
    # The tokenizer's lines: form feeds and Unicode separators do not end one.
    line = source.replace("\r\n", "\n").replace("\r", "\n").split("\n")[statement.end_lineno - 1]
    return line.encode()[statement.end_col_offset :].lstrip().startswith(b";")


if not _bytecode_known:
    _split = _split_more  # noqa: F811
