"""`callbridge talk`: a recording of a caller in, the agent's side of the call out. Nothing is served, nobody rings."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from bridge.cli.needs import personaplex
from bridge.facts.errors import PersonaError, SettingsError
from bridge.facts.settings import Settings, load_settings
from bridge.hub.disk import require_model
from bridge.persona.load import parse
from bridge.persona.prompt import model_prompt, tagged
from bridge.persona.schema import Persona
from bridge.persona.template import check_name

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from bridge.engine.personaplex.config import Sampling
    from bridge.engine.personaplex.model import Model
    from bridge.engine.personaplex.prompt import Voice
    from bridge.engine.personaplex.talk import Talk

DEFAULT_VOICE = "NATF2"

Temperature = Annotated[float | None, typer.Option(min=0, max=2, help="Instead of the persona's; 0 is greedy.")]
TopK = Annotated[int | None, typer.Option(min=1, max=256, help="Instead of the persona's.")]


def talk(
    wav_in: Annotated[Path, typer.Argument(metavar="IN.wav", help="What the caller says: a WAV file of any rate.")],
    wav_out: Annotated[Path, typer.Argument(metavar="OUT.wav", help="Where the agent's side goes: 24 kHz, 16 bit.")],
    persona: Annotated[str | None, typer.Option(metavar="NAME", help="Who answers: prompt, voice, sampling.")] = None,
    voice: Annotated[str | None, typer.Option(help="A voice of `callbridge voices list`, not the persona's.")] = None,
    text_prompt: Annotated[str | None, typer.Option(metavar="TEXT", help="The prompt, not the persona's.")] = None,
    seed: Annotated[int, typer.Option(help="The same seed gives the same answer.")] = 42,
    greedy: Annotated[bool, typer.Option("--greedy", help="Always take the likeliest token.")] = False,
    text: Annotated[
        Path | None, typer.Option(metavar="OUT.json", help="Where the agent's words go, with times.")
    ] = None,
    text_temperature: Temperature = None,
    text_top_k: TopK = None,
    audio_temperature: Temperature = None,
    audio_top_k: TopK = None,
    model: Annotated[Path | None, typer.Option("--model", metavar="DIR", help="Instead of MODEL_DIR.")] = None,
    device: Annotated[str | None, typer.Option(help="cuda, cuda:1 or cpu, instead of DEVICE.")] = None,
    cpu_offload: Annotated[
        bool, typer.Option("--cpu-offload", help="Keep the layers in the CPU's memory. Never real time.")
    ] = False,
) -> None:
    """Let the PersonaPlex model answer a recorded caller, and write what it says.

    The answer is as long as the recording. A prompt that is given as text is put between `<system>` tags, as the model
    was trained, unless it begins with one.

    Examples:

        callbridge talk question.wav answer.wav --persona dental --text answer.json

        callbridge talk in.wav out.wav --text-prompt "You are a wise and friendly teacher." --voice NATM1 --greedy
    """
    settings = load_settings(model_dir=model, device=device)
    console = Console(stderr=True, highlight=False)
    who = _persona(settings.personas_dir, persona) if persona else None
    prompt = _prompt(who, text_prompt, settings.closing_tag)
    with personaplex():
        from bridge.engine.personaplex.voice_files import read_voice, read_wav
        from bridge.engine.personaplex.voices import find_voice

        require_model(settings.model_dir)
        wanted = voice or (who.voice if who else DEFAULT_VOICE)
        file = find_voice(wanted, settings.model_dir, settings.custom_voice_dir).path
        sampling = _sampling(who, greedy, text_temperature, text_top_k, audio_temperature, audio_top_k)
        if not len(read_wav(wav_in, 24_000)):  # a mistake in it is told before the long wait for the model
            raise SettingsError(f"{wav_in} holds no audio.")
        loaded = _load(console, settings, cpu_offload)
        rate = loaded.config.mimi.sample_rate
        pcm = read_wav(wav_in, rate)
        started = time.perf_counter()
        assert file is not None  # find_voice gives only voices that are there
        graphs = settings.cuda_graphs and not cpu_offload
        said = _answer(console, loaded, pcm, read_voice(loaded, file), prompt, seed, sampling, graphs)
        took = time.perf_counter() - started
    _write_wav(wav_out, said.pcm, rate)
    seconds = len(pcm) / rate
    if text is not None:
        _write_text(text, said, voice=wanted, persona=persona, seed=seed, seconds=seconds)
    typer.echo(f"{seconds:.1f} s answered in {took:.1f} s; the agent's side is in {wav_out}.")
    typer.echo("".join(piece for _, piece in said.text).strip())


def _persona(folder: Path, name: str) -> Persona:
    path = folder / f"{check_name(name)}.yaml"
    try:
        return parse(path.read_text("utf-8-sig"), name)
    except FileNotFoundError:
        there = ", ".join(sorted(other.stem for other in folder.glob("*.yaml"))) or "none"
        raise PersonaError(f"there is no persona {name!r} in {folder.absolute()}; there are: {there}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise PersonaError(f"{path} cannot be read: {error}") from None


def _prompt(persona: Persona | None, text: str | None, closing_tag: bool) -> str:
    if text is not None and text.strip():
        return tagged(text, closing_tag)
    if persona is None:
        raise SettingsError(
            "The model needs to know who it is: name a persona with --persona, or give a --text-prompt."
        )
    return model_prompt(persona, closing_tag)


def _sampling(
    persona: Persona | None,
    greedy: bool,
    text_temperature: float | None,
    text_top_k: int | None,
    audio_temperature: float | None,
    audio_top_k: int | None,
) -> Sampling:
    """What the options say, else the persona, else as the model was trained."""
    from bridge.engine.personaplex.config import Sampling

    if greedy:
        return Sampling.greedy()
    given = {
        "text_temperature": text_temperature,
        "text_top_k": text_top_k,
        "audio_temperature": audio_temperature,
        "audio_top_k": audio_top_k,
    }
    base = Sampling(**persona.sampling.model_dump()) if persona else Sampling()
    options: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    return replace(base, **options)


def _load(console: Console, settings: Settings, cpu_offload: bool) -> Model:
    from bridge.engine.personaplex.device import choose_device, load_on

    device = choose_device(settings.device)
    if cpu_offload and device.type == "cpu":
        console.print("note: without a GPU there is nothing to keep away from it; everything runs on the CPU")
    elif cpu_offload:
        console.print(
            "[yellow]warning:[/] --cpu-offload moves 13 GB over the bus for each 80 ms of sound: never real time"
        )
    elif device.type == "cpu":
        console.print("note: on a CPU the published model is many times slower than real time")
    with console.status(f"loading the model to {device}"):
        return load_on(settings.model_dir, settings.device, settings.weights, cpu_offload=cpu_offload)


def _answer(
    console: Console,
    model: Model,
    pcm: NDArray[np.float32],
    voice: Voice,
    prompt: str,
    seed: int,
    sampling: Sampling,
    graphs: bool,
) -> Talk:
    from bridge.engine.personaplex.talk import talk as answer

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("frames of 80 ms", total=None)
        return answer(
            model,
            pcm,
            voice,
            prompt,
            seed=seed,
            sampling=sampling,
            graphs=graphs,
            on_frame=lambda done, total: progress.update(task, completed=done, total=total),
        )


def _write_wav(path: Path, pcm: NDArray[np.float32], rate: int) -> None:
    from scipy.io import wavfile

    try:
        wavfile.write(path, rate, np.rint(np.clip(pcm, -1.0, 1.0) * 32767).astype(np.int16))
    except OSError as error:
        raise SettingsError(f"{path} cannot be written: {error.strerror}.") from None


def _write_text(path: Path, said: Talk, **about: object) -> None:
    content = about | {
        "text": "".join(piece for _, piece in said.text).strip(),
        "pieces": [{"start_ms": at, "text": piece} for at, piece in said.text],
    }
    try:
        path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", "utf-8")
    except OSError as error:
        raise SettingsError(f"{path} cannot be written: {error.strerror}.") from None
