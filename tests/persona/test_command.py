from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from bridge.cli.persona import app
from bridge.persona.load import examine
from bridge.persona.prompt import llm_prompt, model_prompt
from bridge.persona.template import template

PERSONAS = Path(__file__).parents[2] / "personas"
ALL = sorted(str(path) for path in PERSONAS.glob("*.yaml"))


@pytest.fixture(autouse=True)
def _no_settings_of_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("CLOSING_TAG", "PERSONAS_DIR"):
        monkeypatch.delenv(name, raising=False)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def callbridge(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "bridge.cli.main", "persona", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_check_finds_the_shipped_personas_good() -> None:
    result = run("check", *ALL)
    assert result.exit_code == 0
    assert [line.split(" (")[0] for line in result.output.splitlines()] == [f"{path}: good" for path in ALL]


def test_check_prints_each_problem_with_file_line_and_column_and_exits_with_1(tmp_path: Path) -> None:
    text = (PERSONAS / "dental.yaml").read_text("utf-8")
    bad = tmp_path / "dental.yaml"
    bad.write_text(text.replace("voice:", "vioce:").replace("refusal: I'm", "refusal: #"))
    result = run("check", str(bad))
    assert result.exit_code == 1
    lines = result.output.splitlines()
    assert lines[0] == f"{bad}:9:1: vioce: there is no such key (did you mean voice?)"
    assert lines[1].endswith(": refusal: is empty (such as: I'm sorry, I can't talk about that.)")
    assert lines[-1] == f"{bad}: 2 errors; calls are not answered by it"


def test_check_gives_the_same_as_json(tmp_path: Path) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text((PERSONAS / "dental.yaml").read_text("utf-8"))
    result = run("check", "--json", str(bad), ALL[0])
    assert result.exit_code == 1
    printed = json.loads(result.output)
    assert printed["ok"] is False
    assert [(entry["file"], entry["ok"]) for entry in printed["files"]] == [(str(bad), False), (ALL[0], True)]
    problem = printed["files"][0]["problems"][0]
    assert (problem["line"], problem["column"], problem["where"]) == (2, 1, "name")
    assert problem["hint"] == "write name: bad, or rename the file to dental.yaml"


def test_check_compares_numbers_with_the_other_files_of_the_folder(tmp_path: Path) -> None:
    text = (PERSONAS / "dental.yaml").read_text("utf-8")
    for name in ("dental", "second"):
        (tmp_path / f"{name}.yaml").write_text(text.replace("name: dental", f"name: {name}"))
    result = run("check", str(tmp_path / "second.yaml"))
    assert result.exit_code == 1
    assert "numbers: +12025550150 is answered by dental too" in result.output


def test_check_reports_a_file_that_cannot_be_read_beside_those_that_can(tmp_path: Path) -> None:
    (tmp_path / "latin.yaml").write_bytes(b"name: caf\xe9")
    result = run("check", str(tmp_path / "missing.yaml"), str(tmp_path / "latin.yaml"), ALL[0])
    assert result.exit_code == 1
    assert "missing.yaml is not there" in result.output
    assert "latin.yaml is not UTF-8 text (byte 10); save it as UTF-8" in result.output
    assert f"{ALL[0]}: good" in result.output


def test_new_writes_a_commented_file_that_is_good_as_it_stands(tmp_path: Path) -> None:
    assert run("new", "bakery", "--dir", str(tmp_path / "new")).exit_code == 0
    written = tmp_path / "new" / "bakery.yaml"
    assert written.read_text("utf-8") == template("bakery")
    assert run("check", str(written)).exit_code == 0
    report = examine(template("bakery"), "bakery")
    assert report.problems == ()
    assert [str(warning) for warning in report.warnings] == [
        "5:1: transfer: is missing (callers who want a person cannot be put through)"
    ]


def test_new_never_overwrites_a_file(tmp_path: Path) -> None:
    (tmp_path / "bakery.yaml").write_text("mine")
    result = callbridge("new", "bakery", "--dir", str(tmp_path))
    assert result.returncode == 1
    assert "is there already" in result.stderr
    assert "Traceback" not in result.stderr
    assert (tmp_path / "bakery.yaml").read_text() == "mine"


@pytest.mark.parametrize("name", ["../evil", "a/b", "Bakery", "", ".hidden", "a b", "x" * 65, "bakery\n"])
def test_no_name_leads_out_of_the_folder(name: str, tmp_path: Path) -> None:
    for command in ("new", "prompt"):
        result = run(command, "--dir", str(tmp_path / "in"), "--", name)
        assert result.exit_code != 0
        assert "cannot be a persona's name" in str(result.exception)
    assert list(tmp_path.rglob("*")) == []


def test_prompt_prints_the_exact_prompt(monkeypatch: pytest.MonkeyPatch) -> None:
    persona = examine((PERSONAS / "dental.yaml").read_text("utf-8"), "dental").persona
    assert persona is not None
    arguments = ("prompt", "dental", "--dir", str(PERSONAS))
    assert run(*arguments).output == model_prompt(persona) + "\n"
    assert run(*arguments, "--llm").output == llm_prompt(persona) + "\n"
    monkeypatch.setenv("CLOSING_TAG", "1")
    assert run(*arguments).output == model_prompt(persona, closing_tag=True) + "\n"


def test_prompt_of_a_persona_that_is_not_there_is_an_error_in_words(tmp_path: Path) -> None:
    result = callbridge("prompt", "nobody", "--dir", str(tmp_path))
    assert result.returncode == 1
    assert "nobody.yaml is not there; personas in " in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("command", ["check", "new", "prompt"])
def test_every_command_has_help_with_lines_to_paste(command: str) -> None:
    result = run(command, "--help")
    assert result.exit_code == 0
    assert f"callbridge persona {command} " in result.output
