"""`callbridge voices list|add`: the voices that a persona can have, and making one of a recording."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from bridge.cli.needs import personaplex
from bridge.engine.personaplex.voices import check_new_name, list_voices
from bridge.facts.errors import SettingsError
from bridge.facts.settings import load_settings
from bridge.hub.disk import require_model

app = typer.Typer(no_args_is_help=True, help="List the voices of PersonaPlex, and make one of a recording.")

CONSENT = (
    "A voice is personal: this makes an artificial voice that sounds like the person in the recording.\n"
    "Before you go on, the speaker must have agreed, in writing, knowing that a computer will answer calls in their\n"
    "voice, for which business, and how to withdraw; the business must be allowed to use the recording; and callers\n"
    "must be told that they talk with a machine. In many countries anything less is against the law."
)

ModelDir = Annotated[Path | None, typer.Option("--model", metavar="DIR", help="Instead of MODEL_DIR.")]
VoiceDir = Annotated[Path | None, typer.Option("--voices", metavar="DIR", help="Instead of CUSTOM_VOICE_DIR.")]


@app.command("list")
def list_them(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")] = False,
    model: ModelDir = None,
    voices: VoiceDir = None,
) -> None:
    """List all voices, your own first. Packaged ones are listed before they are downloaded, too.

    A name from this list is what `voice:` of a persona file takes. NAT voices are natural, VAR voices more varied; F
    and M stand for female and male.

    Examples:

        callbridge voices list

        callbridge voices list --json
    """
    settings = load_settings(model_dir=model, custom_voice_dir=voices)
    found = [
        {
            "name": voice.name,
            "type": voice.kind.value,
            "category": voice.category.value,
            "language": voice.language,
            "available": voice.path is not None,
            "path": str(voice.path) if voice.path else None,
        }
        for voice in list_voices(settings.model_dir, settings.custom_voice_dir)
    ]
    if as_json:
        typer.echo(json.dumps(found, indent=2))
        return
    console = Console(highlight=False, markup=False, emoji=False)
    console.print(_table(found))
    if not all(voice["available"] for voice in found):
        console.print("\nVoices that are not here come with `callbridge model download`.", soft_wrap=True)


@app.command()
def add(
    recording: Annotated[Path, typer.Argument(metavar="WAV", help="10-20 s of one person, speaking clearly.")],
    name: Annotated[str, typer.Option(help="What the voice is to be called: letters, digits, - and _.")],
    language: Annotated[str | None, typer.Option(metavar="TAG", help="Its language, such as en or de.")] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Replace a voice of that name.")] = False,
    consent: Annotated[
        bool, typer.Option("--i-have-consent", help="The speaker has agreed; do not ask me about it.")
    ] = False,
    model: ModelDir = None,
    voices: VoiceDir = None,
    device: Annotated[str | None, typer.Option(help="cuda, cuda:1 or cpu, instead of DEVICE.")] = None,
) -> None:
    """Make a voice of a recording, and keep it in CUSTOM_VOICE_DIR.

    Any WAV file will do: it is mixed to one channel, brought to 24 kHz and to −24 LUFS. The best are 10 to 20 s of one
    person speaking the way the agent is to speak, in a quiet room, without music. Needs the downloaded model, and the
    consent of the person whose voice it is.

    Examples:

        callbridge voices add ann.wav --name ann --language en

        callbridge voices add ann.wav --name ann --replace --i-have-consent
    """
    settings = load_settings(model_dir=model, custom_voice_dir=voices, device=device)
    with personaplex():
        from bridge.engine.personaplex.voice_files import make_voice, read_wav, voice_model

        check_new_name(name)
        read_wav(recording, 24_000)  # a mistake in it is told before the long wait for the model
        require_model(settings.model_dir)
        if not consent:
            _ask_for_consent()
        with Console(stderr=True).status("loading the codec and listening to the recording"):
            loaded = voice_model(settings.model_dir, settings.device)
            made = make_voice(loaded, recording, settings.custom_voice_dir, name, language=language, replace=replace)
    for advice in made.advice:
        typer.echo(f"note: {advice}", err=True)
    typer.echo(
        f"The voice {name} is made: {made.seconds:.1f} s at {made.loudness:.1f} LUFS, in {made.path.absolute()}.\n"
        f"Write `voice: {name}` into a persona file to use it."
    )


def _ask_for_consent() -> None:
    typer.echo(CONSENT, err=True)
    if not sys.stdin.isatty():
        raise SettingsError(
            "Nobody is there to be asked for the speaker's consent: add --i-have-consent if you have it."
        )
    if not typer.confirm("Do you have the consent of the person in this recording?", err=True):
        raise SettingsError("Without consent no voice is made.")


def _table(found: list[dict[str, Any]]) -> Table:
    table = Table(box=None, pad_edge=False)
    for heading in ("VOICE", "CATEGORY", "LANGUAGE", "WHERE"):
        table.add_column(heading, overflow="fold")
    for voice in found:
        table.add_row(voice["name"], voice["category"], voice["language"] or "", voice["path"] or "not downloaded")
    return table
