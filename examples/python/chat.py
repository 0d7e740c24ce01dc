"""The protocol of the public model server, with an Ogg-Opus file for a voice.

python chat.py "You enjoy having a good conversation." ../question.ogg answer.ogg
"""

import asyncio
import os
import sys
from pathlib import Path
from urllib.parse import urlencode

from websockets.asyncio.client import connect

HANDSHAKE, AUDIO, TEXT = 0, 1, 2
PIECE = 500  # bytes of Opus every 80 ms: about as fast as it is spoken


async def chat(prompt: str, question: bytes) -> bytes:
    """Say the question, listen for two seconds more; what was heard, as Ogg-Opus."""
    url = os.environ.get("CALLBRIDGE_URL", "http://127.0.0.1:8080").replace("http", "ws", 1)
    query = urlencode({"text_prompt": prompt, "voice_prompt": "NATF2.pt", "seed": 42})
    headers = {"Authorization": f"Bearer {os.environ.get('CALLBRIDGE_KEY', '')}"}
    answer = bytearray()
    async with connect(f"{url}/api/chat?{query}", additional_headers=headers, compression=None) as socket:

        async def talk() -> None:
            for place in range(0, len(question), PIECE):
                await socket.send(bytes([AUDIO]) + question[place : place + PIECE])
                await asyncio.sleep(0.08)
            await asyncio.sleep(2)
            await socket.close()

        talking = asyncio.create_task(talk())
        async for message in socket:
            kind, content = message[0], bytes(message[1:])
            if kind == HANDSHAKE:
                print("the agent is there")
            elif kind == AUDIO:
                answer += content
            elif kind == TEXT:
                print(content.decode(), end="", flush=True)
        await talking
    return bytes(answer)


prompt, ogg_in, ogg_out = sys.argv[1:4]
Path(ogg_out).write_bytes(asyncio.run(chat(prompt, Path(ogg_in).read_bytes())))
print()
