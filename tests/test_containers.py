"""The container files: read by Docker Compose where there is one, and held against the settings everywhere."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from bridge.facts.settings import Settings

ROOT = Path(__file__).parent.parent


def has_compose():
    docker = shutil.which("docker")
    return bool(docker) and subprocess.run([docker, "compose", "version"], capture_output=True).returncode == 0


@pytest.mark.skipif(
    not has_compose(), reason="install the Docker Compose plugin to have docker-compose.yml checked by it"
)
@pytest.mark.parametrize("profile", ["cpu", "gpu", "sip"])
def test_docker_compose_accepts_the_file(profile):
    subprocess.run(["docker", "compose", "--profile", profile, "config", "--quiet"], cwd=ROOT, check=True)


def test_each_profile_has_a_bridge_whose_environment_are_settings_of_ours():
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    assert {profile for service in services.values() for profile in service["profiles"]} == {"cpu", "gpu", "sip"}
    for service in services.values():
        chosen = {
            name.lower(): re.sub(r"\$\{\w+:-(.*?)\}", r"\1", value) for name, value in service["environment"].items()
        }
        assert chosen.keys() <= Settings.model_fields.keys()
        Settings(_env_file=None, **chosen)
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ()))


def test_the_images_copy_what_is_there():
    lines = [
        line for name in ("Dockerfile", "Dockerfile.sip") for line in (ROOT / "infra" / name).read_text().splitlines()
    ]
    for line in lines:
        if line.startswith("COPY"):
            assert all((ROOT / name).exists() for name in line.split()[1:-1]), line
