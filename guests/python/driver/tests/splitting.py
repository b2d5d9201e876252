"""Finding the last expression without a syntax tree gives what the tree gives."""
from corpus import CORPUS
from guest import outcome

# Snippets of several lines: joined again from the corpus's own continuation lines, and pairs of all.
PROPERTY = r"""
import io, contextlib
lines = CORPUS
pieces, i = [], 0
for a in range(len(lines)):
    for b in range(a + 1, min(a + 7, len(lines)) + 1):
        pieces.append("\n".join(lines[a:b]))
for a in range(0, len(lines)):
    for b in range(a % 7, len(lines), 7):
        pieces.append(lines[a] + "\n" + lines[b] + "\n")
        pieces.append(lines[a] + "; " + lines[b])
PRELUDE = '''
class D(dict):
    pass
class E(Exception): pass
log = []
def f(*a, **k):
    log.append((a, k)); return D(n=len(log))
def deco(g): return g
def ctx(): return contextlib.nullcontext(7)
x = 2; y = 4; a = b = c = 3
'''
def value_of(parts, name):
    space = {"__name__": "__main__", "contextlib": contextlib}
    exec(PRELUDE, space)
    out = io.StringIO()
    value = error = None
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        try:
            for code in parts:
                if code.co_flags & 0x80:
                    eval(code, space).close()
                    value = "awaited"
                else:
                    value = eval(code, space)
        except BaseException as caught:
            error = repr(caught)
    import re
    names = {k: re.sub(" at 0x[0-9a-f]+", "", repr(v)) for k, v in space.items() if k[:2] != "__"}
    return repr(value) if not callable(value) else "callable", error, out.getvalue(), sorted(names.items())
def outcome_of(split, source):
    m._flags = 0
    try:
        parts = split(source, "t")
    except BaseException as error:
        return "error", type(error).__name__, str(error), getattr(error, "text", None), getattr(error, "offset", None)
    return value_of(parts, "t")
import warnings
warnings.simplefilter("ignore")
taken = differences = ok = 0
tree = m._split_tree
for source in dict.fromkeys(pieces):
    used = []
    def spy(s, n):
        used.append(1)
        return tree(s, n)
    m._split_tree = spy
    fast = outcome_of(m._split, source)
    m._split_tree = tree
    exact = outcome_of(tree, source)
    ok += exact[0] != "error"
    taken += not used
    if fast != exact:
        differences += 1
        if differences < 8:
            os.write(2, repr((source, fast, exact)).encode() + b"\n\n")
os.write(2, f"{len(pieces)} programs, {ok} compile, {taken} without a tree, {differences} differ".encode())
"""


def test_splitting_agrees_with_the_tree():
    ended = outcome([b""], PROPERTY.replace("CORPUS", repr(CORPUS)))
    print("   ", ended["stderr"].strip("\0"), ended["status"])
    assert " 0 differ" in ended["stderr"]
