"""Listen in to a call that goes on, and keep what was heard.  python listen.py CALL_ID heard.wav"""

import asyncio
import sys
import wave

from bridge.client import Bridge, ClientError


async def listen(bridge: Bridge, call_id: str, file: str) -> None:
    """Stereo: the caller on the left, the agent on the right."""
    with wave.open(file, "wb") as heard:
        async with bridge.listen(call_id) as socket:
            async for message in socket:
                if isinstance(message, bytes):
                    heard.writeframes(message)
                else:
                    heard.setnchannels(message["channels"])
                    heard.setsampwidth(2)
                    heard.setframerate(message["rate"])


with Bridge.from_environment() as bridge:
    try:
        asyncio.run(listen(bridge, *sys.argv[1:3]))
    except ClientError as error:
        sys.exit(str(error))
