"""An MCP server over standard streams that does wrong, as its first argument says.

Speaks the protocol by hand, because no SDK lets a server misbehave.
"""

import json
import os
import sys
import time

CASE = sys.argv[1]
OBJECT = {"type": "object"}


def send(message):
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def answer(request, result):
    send({"jsonrpc": "2.0", "id": request["id"], "result": result})


def text(request, words):
    answer(request, {"content": [{"type": "text", "text": words}]})


def tools(request):
    names = ["act", "fine", "environment"]
    if CASE == "endless_list":
        page = int((request.get("params") or {}).get("cursor") or 0)
        answer(request, {"tools": [{"name": f"t{page}", "inputSchema": OBJECT}], "nextCursor": str(page + 1)})
        return
    if CASE == "crowded_list":
        names = [f"t{n}" for n in range(5000)]
    if CASE == "long_list":
        long = {"name": "t", "description": "x" * (5 << 20), "inputSchema": OBJECT}
        answer(request, {"tools": [long]})
        return
    if CASE == "twice":
        names = ["act", "act"]
    if CASE == "alike":
        names = ["get-it", "get.it", "get it"]
    if CASE == "list_is_no_list":
        answer(request, {"tools": "all of them"})
        return
    answer(request, {"tools": [{"name": name, "inputSchema": OBJECT} for name in names]})


def act(request):
    if CASE == "crash":
        sys.stderr.write("secret of the host\n")
        sys.stderr.flush()
        os._exit(3)
    elif CASE == "killed":
        os.kill(os.getpid(), 9)
    elif CASE == "closes_its_output":
        os.close(1)
        time.sleep(600)
    elif CASE == "silent":
        pass
    elif CASE == "large":
        text(request, "x" * (64 << 20))
    elif CASE == "endless_line":
        while True:
            sys.stdout.write("x" * 65536)
    elif CASE == "stray":
        for _ in range(50):
            print("listening on nothing, by the way")
        text(request, "still here")
    elif CASE == "garbage":
        while True:
            print("no json at all")
    elif CASE == "no_message":
        print('{"jsonrpc": "2.0", "id": {"a": 1}, "result": 5, "method": []}', flush=True)
    elif CASE == "wrong_result":
        answer(request, ["not", "a", "result"])
    elif CASE == "wrong_id":
        send({"jsonrpc": "2.0", "id": 987654, "result": {"content": []}})
    elif CASE == "deep":
        print('{"jsonrpc": "2.0", "id": %d, "result": %s}' % (request["id"], "[" * 100000 + "]" * 100000), flush=True)
    elif CASE == "refuses":
        send({"jsonrpc": "2.0", "id": request["id"], "error": {"code": -32602, "message": "no such depth"}})
    elif CASE == "floods":
        number = 0
        while True:
            number += 1
            sys.stdout.write('{"jsonrpc": "2.0", "id": "p%d", "method": "ping"}\n' % number)
    elif CASE == "says_error":
        answer(request, {"content": [{"type": "text", "text": "disk full"}], "isError": True})
    elif CASE == "spawns":
        # A grandchild that holds the streams open and would live on.
        os.spawnlp(os.P_NOWAIT, "sleep", "sleep", "600")
        text(request, str(os.getpid()))
    else:
        text(request, CASE)


def main():
    if CASE == "never_greets":
        time.sleep(600)
    if CASE == "leaves_at_once":
        sys.stderr.write("no licence\n")
        sys.exit(7)
    if CASE == "greets_with_garbage":
        print('{"jsonrpc": "2.0", "id": 0, "result": {"tools": []}}', flush=True)
    if CASE == "deaf":
        import signal

        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    for line in sys.stdin:
        request = json.loads(line)
        method = request.get("method")
        if method == "initialize":
            version = request["params"]["protocolVersion"]
            info = {"name": "fake", "version": "0"}
            answer(request, {"protocolVersion": version, "capabilities": {"tools": {}}, "serverInfo": info})
        elif method == "tools/list":
            tools(request)
        elif method == "tools/call":
            name = request["params"]["name"]
            if name == "fine":
                text(request, "fine")
            elif name == "environment":
                answer(request, {"content": [], "structuredContent": dict(os.environ)})
            else:
                act(request)
    if CASE in ("deaf", "ignores_the_end"):
        time.sleep(600)


main()
