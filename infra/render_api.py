"""Write `docs/api-routes.md`: every address of the API, from its description (OpenAPI)."""

from collections import defaultdict
from pathlib import Path
from typing import Any

from bridge.caller.host import DEFAULT_URL
from bridge.cli.api import description

PAGE = Path(__file__).parent.parent / "docs" / "api-routes.md"
HEAD = """\
# Every address

Made from the server's own description, `/openapi.json`, by `python infra/render_api.py`. What is asked and answered,
field by field, stands there; how it is used, in [the API](api.md).
"""


def page(told: dict[str, Any]) -> str:
    """The page as Markdown: a table for each subject, in the order in which the description names them."""
    subjects = defaultdict(list)
    for path, methods in told["paths"].items():
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


if __name__ == "__main__":
    PAGE.write_text(page(description(DEFAULT_URL)))
    print(PAGE)
