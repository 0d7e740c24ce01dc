"""Call a persona as the console's phone does, with a recording for a voice.

python phone.py dental ../question.wav answer.wav
"""

import asyncio
import sys
import wave

from bridge.client import Bridge, ClientError

SILENCE = bytes(2 * 2 * 24_000)  # two seconds


async def call(bridge: Bridge, persona: str, question: bytes, answer: wave.Wave_write) -> None:
    """Say the question, listen for two seconds more, hang up."""
    async with bridge.phone(persona) as phone:

        async def talk() -> None:
            await phone.play(question + SILENCE)
            await phone.hang_up()

        talking = None
        async for message in phone:
            if isinstance(message, bytes):
                answer.writeframes(message)
            elif message["type"] == "mark":  # what was sent before it has been played: in a file, at once
                await phone.mark(message["name"])
            else:
                print(message)
                if message["type"] == "started":
                    talking = asyncio.create_task(talk())
        if talking:
            talking.cancel()


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
        asyncio.run(call(bridge, persona, question, answer))
    except ClientError as error:
        sys.exit(str(error))
