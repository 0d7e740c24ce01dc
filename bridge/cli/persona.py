"""`callbridge persona check|new|prompt`: look after persona files without a server."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from bridge.facts.errors import PersonaError
from bridge.facts.settings import load_settings
from bridge.persona.load import MAX_BYTES, Problem, Report, check_all, parse
from bridge.persona.prompt import llm_prompt, model_prompt
from bridge.persona.schema import Persona
from bridge.persona.template import check_name, template

app = typer.Typer(no_args_is_help=True, help="Check persona files, start a new one, show the prompt made of one.")

Folder = Annotated[Path | None, typer.Option("--dir", help="Folder of the persona files.", show_default="personas")]


@app.command()
def check(
    files: Annotated[list[Path], typer.Argument(help="Persona files (.yaml).", metavar="FILE…")],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead.")] = False,
) -> None:
    """Say everything that is wrong with persona files, as `file:line:column: where: what (hint)`.

    Numbers are compared with those of the other persona files in the same folder, too. Warnings do not stand in the
    way of calls. Exit status 1 means that at least one file cannot be used.

    Examples:

        callbridge persona check personas/dental.yaml

        callbridge persona check personas/*.yaml --json
    """
    reports = _reports(files)
    if as_json:
        typer.echo(json.dumps(_as_json(reports), ensure_ascii=False, indent=2))
    else:
        for file, report in reports.items():
            _show(file, report)
    if any(report.problems for report in reports.values()):
        raise typer.Exit(1)


@app.command()
def new(
    name: Annotated[str, typer.Argument(help="Name of the persona, and of its file.", metavar="NAME")],
    folder: Folder = None,
) -> None:
    """Write a commented persona file to start from. An existing file is never overwritten.

    Examples:

        callbridge persona new bakery

        callbridge persona new bakery --dir /etc/callbridge/personas
    """
    text = template(name)
    path = _folder(folder) / f"{name}.yaml"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise PersonaError(f"{path} is there already; choose another name, or remove it first") from None
    except OSError as error:
        raise PersonaError(f"{path} cannot be written: {error.strerror}") from None
    typer.echo(f"{path} written. Change it, then run: callbridge persona check {path}")


@app.command()
def prompt(
    name: Annotated[str, typer.Argument(help="Name of the persona.", metavar="NAME")],
    folder: Folder = None,
    llm: Annotated[
        bool, typer.Option("--llm", help="The prompt for a language model at LLM_BASE_URL instead.")
    ] = False,
) -> None:
    """Print the exact prompt that a model gets for a persona: PersonaPlex's, in the form it was trained with.

    With CLOSING_TAG=1 it ends as the engine then ends it.

    Examples:

        callbridge persona prompt dental

        callbridge persona prompt dental --llm
    """
    persona = load(name, folder)
    typer.echo(llm_prompt(persona) if llm else model_prompt(persona, closing_tag=load_settings().closing_tag))


def load(name: str, folder: Path | None) -> Persona:
    """The persona of a name, or of a file. PersonaError if there is none, or something is wrong with it."""
    path = file_of(name, folder)
    return parse(read(path), path.stem)


def file_of(name: str, folder: Path | None) -> Path:
    """The file of a name, which may itself be that of a file. PersonaError if the name cannot be a persona's."""
    return Path(name) if name.endswith(".yaml") else _folder(folder) / f"{check_name(name)}.yaml"


def _folder(given: Path | None) -> Path:
    return given if given is not None else load_settings().personas_dir


def _reports(files: list[Path]) -> dict[Path, Report]:
    """Reports of the files asked for, in their order, each checked against every other in its folder."""
    texts: dict[Path, str] = {}
    unread: dict[Path, Report] = {}
    for file in dict.fromkeys(files):
        try:
            texts[file] = read(file)
        except PersonaError as error:
            unread[file] = Report(file.stem, None, (Problem(1, 1, "", str(error)),))
    together = texts | _neighbours(texts)
    checked = check_all([(path.stem, text) for path, text in together.items()])
    reports = dict(zip(together, checked, strict=True)) | unread
    return {file: reports[file] for file in dict.fromkeys(files)}


def _neighbours(texts: dict[Path, str]) -> dict[Path, str]:
    """The other persona files in the folders of these, as far as they can be read: nobody asked about them."""
    known = {file.resolve() for file in texts}
    found: dict[Path, str] = {}
    for path in (path for file in texts for path in sorted(file.parent.glob("*.yaml"))):
        if path.resolve() not in known:
            known.add(path.resolve())
            with suppress(PersonaError):
                found[path] = read(path)
    return found


def read(path: Path) -> str:
    """A file's text, or so much of it that its size is seen to be too large. PersonaError if it cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1).decode("utf-8-sig")
    except FileNotFoundError:
        there = ", ".join(sorted(other.stem for other in path.parent.glob("*.yaml"))) or "none"
        raise PersonaError(f"{path} is not there; personas in {path.parent}: {there}") from None
    except OSError as error:
        raise PersonaError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise PersonaError(f"{path} is not UTF-8 text (byte {error.start + 1}); save it as UTF-8") from None


def _show(file: Path, report: Report) -> None:
    for problem in report.problems:
        typer.echo(f"{file}:{problem}")
    for warning in report.warnings:
        typer.echo(f"{file}:{warning.line}:{warning.column}: warning: {str(warning).split(': ', 1)[1]}")
    if report.problems:
        number = len(report.problems)
        typer.echo(f"{file}: {number} error{'s' if number > 1 else ''}; calls are not answered by it")
    else:
        assert report.persona is not None
        used = report.persona
        counts = f"facts: {len(used.facts)}, blocked topics: {len(used.blocked)}"
        counts += f", allowed topics: {len(used.allowed.topics)}" if used.allowed else ""
        typer.echo(f"{file}: good ({used.business}; {counts})")


def _as_json(reports: dict[Path, Report]) -> dict[str, object]:
    return {
        "ok": not any(report.problems for report in reports.values()),
        "files": [
            {
                "file": str(file),
                "ok": not report.problems,
                "problems": [asdict(problem) for problem in report.problems],
                "warnings": [asdict(warning) for warning in report.warnings],
            }
            for file, report in reports.items()
        ],
    }
