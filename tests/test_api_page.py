"""The API's reference, held against a real server: every address is in it, and no other."""

import json
import re
import runpy
from pathlib import Path

ROOT = Path(__file__).parent.parent
API = (ROOT / "docs" / "api.md").read_text()


async def described(serve, http):
    async with serve() as server:
        return (await http.get(f"{server.local_url}/openapi.json")).json()


async def test_the_page_of_every_address_is_what_the_server_says_of_itself(serve, http):
    page = runpy.run_path(str(ROOT / "infra" / "render_api.py"))["page"]
    written = (ROOT / "docs" / "api-routes.md").read_text()
    assert written == page(await described(serve, http)), "run: python infra/render_api.py"


async def test_every_address_that_asks_for_a_key_names_its_scope(serve, http):
    for path, methods in (await described(serve, http))["paths"].items():
        for method, operation in methods.items():
            if path.startswith("/v1/session") or path in ("/health", "/metrics"):
                continue
            if "security" in operation:
                assert all(scopes for one in operation["security"] for scopes in one.values()), f"{method} {path}"


async def test_what_the_reference_shows_of_the_gate_is_what_it_answers(serve, http):
    [asked] = re.findall(r"```json\n(\{\"persona\": \"dental\".*?)```", API, re.S)
    [shown] = re.findall(r"```json\n(\{\"blocked\".*?)```", API, re.S)
    shown = json.loads(shown)
    async with serve(personas={"dental": (ROOT / "personas" / "dental.yaml").read_text()}) as server:
        headers = {"Authorization": f"Bearer {server.api_key}"}
        answer = await http.post(f"{server.local_url}/v1/gate/try", json=json.loads(asked), headers=headers, timeout=60)
    told = answer.json()
    assert told["refusal"].startswith(shown.pop("refusal").removesuffix("…"))
    assert {name: told[name] for name in shown} == shown


async def test_the_reference_names_no_scope_that_there_is_not():
    from bridge.server.access.scopes import ALL_SCOPES

    named = set(re.findall(r"`((?:calls|personas|voices|models|system):\w+|talk)`", API))
    assert named == ALL_SCOPES


async def test_every_figure_that_a_page_names_is_among_the_servers(serve, http):
    receiver = {"webhook_url": "http://127.0.0.1:9/calls", "webhook_secret": "s" * 16}
    async with serve(**receiver, llm_base_url="http://127.0.0.1:9/v1") as server:
        told = (await http.get(f"{server.local_url}/metrics")).text
    families = {name.removesuffix("_total") for name in re.findall(r"^# TYPE (\w+)", told, re.M)}
    for page in (ROOT / "docs").glob("*.md"):
        for name in re.findall(r"`(callbridge_\w+)", page.read_text()):
            assert name.removesuffix("_total") in families, f"{page.name}: {name}"
