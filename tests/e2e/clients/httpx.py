# SPDX-License-Identifier: MIT
"""httpx with python3-h2, many streams at once over one connection: httpx.py SERVER_DIR PLAN.json"""
import asyncio
import json
import pathlib
import ssl
import sys

sys.path.pop(0)  # this file has the module's name
import httpx


async def one(client, call, failures):
    body = call["body"].encode()

    async def pieces():
        for at in range(0, len(body), 700):
            yield body[at:at + 700]
            await asyncio.sleep(0)

    answer = await client.post(call["url"], content=pieces(), headers=call["headers"])
    if answer.http_version != "HTTP/2" or answer.status_code != call["script"].get("status", 200):
        failures.append(f"{call['model']}: {answer.http_version} {answer.status_code}")


async def main():
    server = json.loads((pathlib.Path(sys.argv[1]) / "ready.json").read_text())
    calls, failures = json.loads(pathlib.Path(sys.argv[2]).read_text())["calls"], []
    context = ssl.create_default_context(cafile=server["ca"])
    async with httpx.AsyncClient(http2=True, http1=False, verify=context, timeout=120) as client:
        await asyncio.gather(*(one(client, call, failures) for call in calls))
    print("\n".join(failures), end="", file=sys.stderr)
    return 1 if failures else 0


sys.exit(asyncio.run(main()))
