"""The Python that README and the API's page show for the client, executed against a real server."""

import asyncio
import re
import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
SHOWN = [
    (page, block)
    for page in ("README.md", "docs/api.md")
    for block in re.findall(r"^```python\n(.*?)^```", (ROOT / page).read_text(), re.S | re.M)
    if "with Bridge(" in block
]


@pytest.mark.slow  # a recording is answered in real time
@pytest.mark.parametrize(("page", "block"), SHOWN, ids=[page for page, _ in SHOWN])
async def test_the_python_that_a_page_shows_runs(page, block, serve, shop, tmp_path, monkeypatch, capsys):
    shutil.copy(ROOT / "examples" / "question.wav", tmp_path)
    monkeypatch.chdir(tmp_path)
    dental = shop.replace("name: shop", "name: dental").replace("from nine to five", "from 9 a.m. to 5 p.m.")
    async with serve(personas={"dental": dental}) as server:
        code = block.replace("http://127.0.0.1:8080", server.local_url)
        await asyncio.to_thread(exec, compile(code, page, "exec"), {"key": server.api_key})
        assert (tmp_path / "answer.wav").read_bytes().startswith(b"RIFF")
        if "personas.write" in code:
            assert "from 8 a.m." in (server.settings.personas_dir / "dental.yaml").read_text()


def test_both_pages_show_some():
    assert [page for page, _ in SHOWN] == ["README.md", "docs/api.md"]
