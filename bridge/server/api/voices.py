"""The voices: which there are, how they sound, making one of a recording."""

from __future__ import annotations

import asyncio
import re
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Depends, File, Form, HTTPException, Query, UploadFile
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from bridge.engine.personaplex.voices import VoiceError, VoiceInfo, VoiceKind, list_voices
from bridge.server.access.access import Access, Holder
from bridge.server.api.answers import refusals
from bridge.server.auditions import MAX_TEXT, AuditionError, Auditions, NoVoiceError
from bridge.server.voice_shop import MAX_RECORDING, VoiceInUseError, VoiceShop

TAG: Final = r"^[a-z]{2}(-[A-Z]{2})?$"
"""Of languages, as personas have them."""

LINES: Final = {
    "de": "Guten Tag, Sie sprechen mit der digitalen Assistentin. Wie kann ich Ihnen helfen?",
    "en": "Hello, thank you for calling. How can I help you today?",
    "es": "Hola, gracias por llamar. ¿En qué puedo ayudarle?",
    "fr": "Bonjour, merci de votre appel. Comment puis-je vous aider ?",
    "it": "Buongiorno, grazie per aver chiamato. Come posso aiutarla?",
}
"""What is spoken where nobody says what, by language."""


WAV: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "content": {"audio/wav": {"schema": {"type": "string", "format": "binary"}}},
        "description": "16 bit, mono; 24 kHz of the voice itself, 8 kHz of the CPU engine's own.",
        "headers": {
            "X-Voice": {
                "description": "The voice that is heard; `engine` for the engine's own.",
                "schema": {"type": "string"},
            }
        },
    }
}


class Voice(BaseModel):
    """A voice that a persona can name."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "name": "NATF2",
                    "type": "packaged",
                    "category": "natural",
                    "language": "en",
                    "available": True,
                    "custom": False,
                    "personas": ["dental"],
                }
            ]
        }
    )

    name: str
    type: Literal["custom", "packaged"]
    category: Literal["custom", "natural", "varied"]
    language: str | None = Field(description="BCP 47 tag, where it is known.")
    available: bool = Field(description="Its file is on this machine.")
    custom: bool = Field(description="Made here of a recording; it can be deleted.")
    personas: list[str] = Field(description="Personas on duty that speak with it.")


class Voices(BaseModel):
    """All voices, custom ones first, and what can be done with them here."""

    voices: list[Voice]
    engine: str = Field(description="The engine that answers calls.", examples=["personaplex"])
    audition: Literal["voice", "engine", "none"] = Field(
        description="What samples are spoken in: the voice itself, the engine's own whatever is named, or nothing."
    )
    cannot_add: Literal["packages", "model"] | None = Field(
        description="What is missing to make a voice here: PersonaPlex's packages, or its files.", examples=[None]
    )


class MadeVoice(BaseModel):
    """What was made of a recording."""

    voice: Voice
    seconds: float = Field(description="Length of the recording.", examples=[14.2])
    loudness: float = Field(description="Its loudness in LUFS; the voice is brought to -24.", examples=[-19.7])
    advice: list[str] = Field(description="What would make a better voice.", examples=[[]])


def voices_routes(shop: VoiceShop, auditions: Auditions, access: Access) -> APIRouter:
    """The router."""
    router = APIRouter(tags=["voices"])
    may_read = Depends(access.requires("voices:read"))
    may_write = Depends(access.requires("voices:write"))

    def shown(voice: VoiceInfo) -> Voice:
        return Voice(
            name=voice.name,
            type="custom" if voice.kind is VoiceKind.CUSTOM else "packaged",
            category=voice.category.value,
            language=voice.language,
            available=voice.path is not None,
            custom=voice.kind is VoiceKind.CUSTOM,
            personas=shop.used_by(voice.name),
        )

    def found(name: str) -> VoiceInfo:
        voice = shop.find(name)
        if voice is None:
            raise HTTPException(404, "there is no such voice")
        return voice

    @router.get("/voices", summary="All voices, custom ones first", dependencies=[may_read])
    def voices() -> Voices:
        engine = auditions.engine_name
        return Voices(
            voices=[shown(voice) for voice in list_voices(shop.model_dir, shop.custom_dir)],
            engine=engine,
            audition="voice" if engine == "personaplex" else "engine" if engine == "cascade" else "none",
            cannot_add=shop.cannot_make(),
        )

    @router.get(
        "/voices/{name}/sample.wav",
        summary="Hear a voice",
        dependencies=[may_read],
        response_class=Response,
        responses=WAV
        | refusals(
            _404="there is no such voice",
            _409="not now: the voice is not downloaded, or every slot is taken by a call",
            _501="this engine does not speak",
        ),
    )
    async def sample(
        name: str,
        text: Annotated[str | None, Query(min_length=1, max_length=MAX_TEXT, examples=["Good morning!"])] = None,
        language: Annotated[str | None, Query(pattern=TAG, examples=["en"])] = None,
    ) -> Response:
        """A line in this voice, at most 240 characters.

        PersonaPlex speaks it in the voice that is named, which takes a slot for as long as the line lasts. The CPU
        engine has voices of its own: it speaks in the one for the language, and says so in `X-Voice`.
        """
        voice = await asyncio.to_thread(found, name)
        wanted = language or voice.language or "en"
        line = " ".join((text or LINES.get(wanted.partition("-")[0], LINES["en"])).split())
        if not any(sign.isalnum() for sign in line):
            raise HTTPException(422, "the text holds nothing that could be spoken")
        try:
            spoken = await auditions.speak(voice, line, wanted if _is_tag(wanted) else "en")
        except NoVoiceError as error:
            raise HTTPException(501, str(error)) from None
        except AuditionError as error:
            raise HTTPException(409, str(error)) from None
        return Response(spoken.wav, media_type="audio/wav", headers={"X-Voice": voice.name if spoken.own else "engine"})

    @router.post(
        "/voices",
        status_code=201,
        summary="Make a voice of a recording",
        responses=refusals(
            _409="there is a voice of that name, another one is being made, or the model is not here",
            _413="the recording is larger than 25 MB",
            _422="no consent, a name that cannot be, or a recording that cannot be used",
        ),
    )
    async def add(
        name: Annotated[str, Form(description="Up to 64 letters, digits, - and _.", examples=["ann"])],
        audio: Annotated[UploadFile, File(description="WAV of any rate; 10 to 20 s of one person, 25 MB at most.")],
        consent: Annotated[
            bool, Form(description="true: the speaker has agreed, in writing, to an artificial copy of their voice.")
        ],
        language: Annotated[str | None, Form(description="BCP 47 tag.", examples=["en"])] = None,
        holder: Holder = may_write,
    ) -> MadeVoice:
        """An artificial voice that sounds like the person in the recording.

        They must have agreed in writing, knowing that a computer will answer calls in their voice, for which business,
        and how to withdraw; callers must be told that they talk with a machine. Calls go on undisturbed meanwhile.
        """
        if not consent:
            raise HTTPException(422, "without the speaker's consent no voice is made")
        if (audio.size or 0) > MAX_RECORDING:
            raise HTTPException(413, f"the recording is larger than {MAX_RECORDING // 10**6} MB")
        if language is not None and not _is_tag(language):
            raise HTTPException(422, f"language must be a tag such as en or en-GB, not {language[:20]!r}")
        try:
            made = await shop.make(name, audio.file, language, holder.name)
        except VoiceError as error:
            raise HTTPException(422, str(error)) from None
        except VoiceInUseError as error:
            raise HTTPException(409, str(error)) from None
        voice = shown(await asyncio.to_thread(found, name))
        return MadeVoice(voice=voice, seconds=made.seconds, loudness=made.loudness, advice=made.advice)

    @router.delete(
        "/voices/{name}",
        status_code=204,
        summary="Delete a voice that was made here",
        responses=refusals(_404="there is no such voice", _409="it is a packaged one, or a persona on duty uses it"),
    )
    def delete(name: str, holder: Holder = may_write) -> None:
        """The voice's file is all there is of it. A persona that uses it must be given another one first."""
        voice = found(name)
        try:
            shop.delete(voice, holder.name)
        except VoiceInUseError as error:
            raise HTTPException(409, str(error)) from None

    return router


def _is_tag(language: str) -> bool:
    """Whether it is a language tag of the kind that personas have."""
    return re.fullmatch(TAG, language) is not None
