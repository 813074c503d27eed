"""One test by the official Python client: URL TOKEN MODE SHOP, the plan on standard input.

Prints one JSON object with what came back.
"""

import asyncio
import json
import sys

import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client


async def main(url, token, mode, shop, plan):
    told = []

    async def progress(_progress, _total, message):
        told.append(message)

    headers = {"Authorization": f"Bearer {token}"}
    async with httpx2.AsyncClient(headers=headers, timeout=300, trust_env=False) as http:
        transport = streamable_http_client(url, http_client=http)
        async with Client(transport, mode=mode) as client:
            tools = await client.list_tools()
            arguments = {"url": shop, "plan": plan, "video": False, "keep_alive": 0, "isolated": "run"}
            first = await client.call_tool("test", arguments, progress_callback=progress)
            found = first.structured_content
            steps = [step["id"] for one in found["scenarios"] for step in one["steps"]]
            error = await client.call_tool("test", {"url": shop, "paln": plan})
            return {
                "name": client.server_info.name,
                "tools": [tool.name for tool in tools.tools],
                "told": told,
                "first": {
                    "isError": bool(first.is_error),
                    "verdict": found["verdict"],
                    "steps": steps,
                    "pictures": sum(block.type == "image" for block in first.content),
                },
                "error": {"isError": bool(error.is_error), "code": error.structured_content["code"]},
            }


print(json.dumps(asyncio.run(main(*sys.argv[1:], sys.stdin.read()))))
