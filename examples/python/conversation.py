"""Raw sound both ways, at 24 kHz.  python conversation.py dental ../question.wav answer.wav"""

import asyncio
import sys
import wave

from bridge.client import Bridge, ClientError

SILENCE = bytes(2 * 2 * 24_000)  # two seconds


async def converse(bridge: Bridge, persona: str, question: bytes, answer: wave.Wave_write) -> None:
    """Say the question, listen for two seconds more."""
    async with bridge.conversation(persona=persona) as socket:

        async def talk() -> None:
            await socket.play(question + SILENCE)
            await socket.close()

        talking = asyncio.create_task(talk())
        async for message in socket:
            if isinstance(message, bytes):
                answer.writeframes(message)
            else:
                print(message)
        await talking


persona, wav_in, wav_out = sys.argv[1:4]
with wave.open(wav_in) as file:
    if (file.getnchannels(), file.getsampwidth(), file.getframerate()) != (1, 2, 24_000):
        sys.exit(f"{wav_in}: 16-bit mono at 24 kHz is needed")
    question = file.readframes(file.getnframes())
with Bridge.from_environment() as bridge, wave.open(wav_out, "wb") as answer:
    answer.setnchannels(1)
    answer.setsampwidth(2)
    answer.setframerate(24_000)
    try:
        asyncio.run(converse(bridge, persona, question, answer))
    except ClientError as error:
        sys.exit(str(error))
