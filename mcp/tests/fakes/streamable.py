"""An MCP server over streamable HTTP that does wrong, as its first argument says.

Prints the port that it listens on. Speaks the protocol by hand, because no SDK lets a server misbehave.
"""

import json
import os
import socket
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

CASE = sys.argv[1]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def plain(self, status, body=b"", kind="application/json", headers=()):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def answer(self, request, result, headers=()):
        body = json.dumps({"jsonrpc": "2.0", "id": request["id"], "result": result}).encode()
        self.plain(200, body, headers=headers)

    def text(self, request, words):
        self.answer(request, {"content": [{"type": "text", "text": words}]})

    def events(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

    def chunk(self, data):
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.flush()

    def do_GET(self):
        self.plain(405)

    def do_DELETE(self):
        self.plain(200)

    def do_POST(self):
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        method = request.get("method")
        if self.headers.get("X-Key") != "opens":
            self.plain(401, b"{}")
        elif method == "initialize":
            version = request["params"]["protocolVersion"]
            info = {"name": "fake", "version": "0"}
            result = {"protocolVersion": version, "capabilities": {"tools": {}}, "serverInfo": info}
            self.answer(request, result, [("Mcp-Session-Id", "s1")])
        elif method == "tools/list":
            tools = [{"name": name, "inputSchema": {"type": "object"}} for name in ("act", "fine")]
            self.answer(request, {"tools": tools})
        elif method == "tools/call":
            if request["params"]["name"] == "fine":
                self.text(request, "fine")
            else:
                self.act(request)
        else:
            self.plain(202)

    def act(self, request):
        if CASE == "large":
            self.text(request, "x" * (64 << 20))
        elif CASE == "large_event":
            self.events()
            self.chunk(b"data: ")
            for _ in range(1024):
                self.chunk(b"x" * 65536)
        elif CASE == "endless_events":
            self.events()
            note = {"jsonrpc": "2.0", "method": "notifications/message", "params": {"level": "info", "data": "x" * 900}}
            while True:
                self.chunk(b"data: " + json.dumps(note).encode() + b"\n\n")
        elif CASE == "silent":
            time.sleep(600)
        elif CASE == "garbage":
            self.plain(200, b"<html>not json</html>")
        elif CASE == "another_kind":
            self.plain(200, b"<html></html>", "text/html")
        elif CASE == "fails":
            self.plain(500, b"stack trace with a secret", "text/plain")
        elif CASE == "hangs_up":
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True
        elif CASE == "broken_stream":
            self.events()
            self.chunk(b": hello\n\n")
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True
        elif CASE == "dies":
            os._exit(1)
        elif CASE == "redirects":
            self.plain(307, headers=[("Location", "http://127.0.0.1:1/")])
        else:
            self.text(request, CASE)


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_address[1], flush=True)
# Ends with the test that holds our standard input.
threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
server.serve_forever()
