"""client.py URL TEXTS BINARIES PINGS: see ../README.md"""
import asyncio
import sys

import websockets

SIZES = [0, 1, 125, 126, 127, 65535, 65536, 70000]


async def main(url, texts, binaries, pings):
    sent = ["x" * SIZES[i % len(SIZES)] for i in range(texts)]
    sent += [bytes([i % 256]) * SIZES[i % len(SIZES)] for i in range(binaries)]
    async with websockets.connect(url, compression=None, ping_interval=None) as ws:
        for message in sent:
            await ws.send(message)
        for i in range(pings):
            await (await ws.ping("p%d" % i))
        for i, message in enumerate(sent):
            if await ws.recv() != message:
                sys.exit("echo %d differs" % i)
        await ws.close(1000, "done")


asyncio.run(asyncio.wait_for(main(sys.argv[1], *map(int, sys.argv[2:5])), 20))
