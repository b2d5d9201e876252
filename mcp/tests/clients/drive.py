"""Drives `sandcell mcp` with the official client, and prints what it saw as one JSON object.

The arguments are the server's command line.
"""

import asyncio
import base64
import json
import sys

from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client

FIGURE = """
import matplotlib; matplotlib.use("Agg")
import matplotlib.pyplot as plt
plt.plot([1, 2]); plt.show()
"""


def plain(result):
    data = result.model_dump(by_alias=True, exclude_none=True)
    return {key: data.get(key) for key in ("content", "structuredContent", "isError")}


async def drive(session, seen):
    greeting = await session.initialize()
    seen["server"] = greeting.model_dump(by_alias=True)["serverInfo"]["name"]
    seen["tools"] = sorted(tool.name for tool in (await session.list_tools()).tools)

    async def call(name, arguments=None, **more):
        return plain(await session.call_tool(name, arguments or {}, **more))

    async def run(code, **more):
        return await call("run_python", {"code": code}, **more)

    seen["state"] = [await run("x = 41"), await run("print('hi'); x + 1")]
    seen["raised"] = await run("1/0")
    seen["still"] = await run("x")
    seen["wrote"] = await call("write_file", {"path": "/work/in.csv", "text": "a,b\n1,2\n"})
    data = base64.b64encode(bytes(range(256))).decode()
    await call("write_file", {"path": "/work/in.bin", "base64": data})
    seen["uses"] = await run("open('/work/in.csv').read().count(',') + len(open('/work/in.bin','rb').read())")
    await run("open('/work/out.txt','w').write('done')")
    seen["read"] = [await call("read_file", {"path": f"/work/{name}"}) for name in ("out.txt", "in.bin", "none")]
    seen["listed"] = await call("list_files")
    seen["figure"] = await run(FIGURE)

    # A call that is given up: the guest ends, the protocol goes on, the next call has a new session.
    endless = asyncio.create_task(run("while True: pass"))
    await asyncio.sleep(1)
    await session.send_ping()
    seen["ping_while_running"] = not endless.done()
    endless.cancel()
    await asyncio.gather(endless, return_exceptions=True)
    seen["replaced"] = await run("'x' in globals()")

    progress = []

    async def on_progress(amount, total, message):
        progress.append(message)

    seen["slept"] = await run("import time; time.sleep(2.5)", progress_callback=on_progress)
    seen["progress"] = progress
    seen["limit"] = await run("while True: pass")
    seen["after_limit"] = await run("1 + 1")
    await run("y = 1")
    seen["reset"] = await call("reset")
    seen["fresh"] = await run("'y' in globals()")
    try:
        seen["wrong"] = await call("run_python", {"program": "1"})
    except Exception as error:
        seen["wrong"] = str(error)


async def main():
    seen = {}
    server = StdioServerParameters(command=sys.argv[1], args=sys.argv[2:])
    async with stdio_client(server) as (read, write), ClientSession(read, write) as session:
        await drive(session, seen)
    json.dump(seen, sys.stdout)


asyncio.run(main())
