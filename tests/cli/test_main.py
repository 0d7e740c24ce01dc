"""The command `callbridge` itself: what is listed is there, and what is not called is not imported."""

import subprocess
import sys

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from bridge.cli.main import app


def test_every_command_that_is_listed_explains_itself():
    asked = [[]]
    while asked:
        arguments = asked.pop()
        done = CliRunner().invoke(app, [*arguments, "--help"])
        assert done.exit_code == 0, done.output
        command = get_command(app)
        for name in arguments:
            command = command.commands[name]
        asked += [[*arguments, name] for name in getattr(command, "commands", [])]


@pytest.mark.parametrize(
    ("arguments", "meant"), [(["serv"], "serve"), (["calls", "forgot"], "forget"), (["twilio", "calls"], "call")]
)
def test_a_mistyped_command_is_told_what_may_be_meant(arguments, meant):
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 2
    assert f"'{meant}'" in done.output


def test_a_command_imports_neither_the_server_nor_the_libraries_of_others():
    modules = "bridge.server.app", "fastapi", "sqlalchemy", "twilio", "httpx", "scipy", "torch"
    program = f"""
import sys
from bridge.cli.main import main
sys.argv = ["callbridge", "settings", "--example"]
try:
    main()
except SystemExit:
    pass
sys.exit(" ".join(name for name in {modules} if name in sys.modules) or 0)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "#PORT=" in done.stdout
