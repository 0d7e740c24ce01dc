"""Write `docs/api-routes.md`: every address of the API, from its description (OpenAPI)."""

import asyncio
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any

import httpx

from bridge.facts.settings import Settings
from bridge.server.app import Server

PAGE = Path(__file__).parent.parent / "docs" / "api-routes.md"
HEAD = """\
# Every address

Made from the server's own description, `/openapi.json`, by `python infra/render_api.py`. What is asked and answered,
field by field, stands there; how it is used, in [the API](api.md).
"""


def page(description: dict[str, Any]) -> str:
    """The page as Markdown: a table for each subject, in the order in which the description names them."""
    subjects = defaultdict(list)
    for path, methods in description["paths"].items():
        for method, operation in methods.items():
            schemes = [scopes for requirement in operation.get("security", ()) for scopes in requirement.values()]
            scope = f"`{schemes[0][0]}`" if schemes and schemes[0] else "any key" if schemes else "none"
            what = operation["summary"]
            subjects[operation.get("tags", ["other"])[0]].append(f"| `{method.upper()} {path}` | {what} | {scope} |")
    tables = [
        "\n".join([f"## {subject.capitalize()}", "", "| address | what | scope |", "|---|---|---|", *rows])
        for subject, rows in subjects.items()
    ]
    return "\n\n".join([HEAD.strip(), *tables]) + "\n"


async def description(folder: Path) -> dict[str, Any]:
    """What a server with an empty data folder says of itself."""
    settings = Settings(_env_file=None, engine="echo", port=0, personas_dir=folder, data_dir=folder / "data")  # type: ignore[call-arg]
    server, ready = Server(settings), asyncio.Event()

    async def is_ready(_: Server) -> None:
        ready.set()

    serving = asyncio.create_task(server.serve(is_ready))
    await ready.wait()
    async with httpx.AsyncClient(trust_env=False) as client:
        told = (await client.get(f"{server.local_url}/openapi.json")).json()
    await server.stop()
    await serving
    return dict(told)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        PAGE.write_text(page(asyncio.run(description(Path(place)))))
    print(PAGE)
