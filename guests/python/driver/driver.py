import sys, json
def install(): pass
def freeze(): pass
_ns = sys.modules['__main__'].__dict__
def turn(request):
    if request == b"!" or request == b"q": return b""
    head, _, source = request.partition(b"\n")
    try:
        exec(compile(source, '<turn>', 'exec'), _ns)
    except SystemExit as e:
        c = e.code
        return json.dumps({"exit": c if isinstance(c, int) else 1 if c else 0}).encode()
    except BaseException as e:
        import traceback
        t = traceback.format_exc()
        sys.stderr.write(t)
        return json.dumps({"raised": {"type": type(e).__name__, "message": str(e), "traceback": t}}).encode()
    finally:
        sys.stdout.flush(); sys.stderr.flush()
    return b""
