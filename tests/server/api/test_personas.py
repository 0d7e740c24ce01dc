"""Personas over HTTP: what can be read, what is refused, and that nobody's change is lost."""

import asyncio
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.server.persona_files import Condition, PersonaFileRefusedError, PersonaFiles, etag_of

ROOT = Path(__file__).parents[3]
TINY = ROOT / "tests/engine/personaplex/tiny"
NEW = {"If-None-Match": "*", "Content-Type": "text/yaml"}
BAKERY = """\
name: bakery
business: The Bakery
description: a bakery
agent_name: Ada
greeting: The Bakery, hello.
facts:
  - ask: ["When are you open?"]
    answer: We are open from seven.
refusal: I can't talk about that.
"""


def folder(server):
    return server.settings.personas_dir


async def test_personas_are_listed_with_what_is_wrong_with_them(api, shop):
    async with api() as (server, client):
        (folder(server) / "other.yaml").write_text("name: other\nbusines: x\n")
        (folder(server) / "latin.yaml").write_bytes(b"name: \xe9")
        (folder(server) / "long.yaml").write_text("a" * 70_000)
        listed = {row["name"]: row for row in (await client.get("/personas")).json()}
        assert list(listed) == ["latin", "long", "other", "shop"]
        shown = listed["shop"]
        assert (shown["business"], shown["on_duty"], shown["current"], shown["problems"]) == (
            "Corner Shop",
            *[True] * 2,
            [],
        )
        assert (shown["numbers"], shown["blocked"]) == (["+12025550111"], ["medicine"])
        assert (listed["other"]["on_duty"], listed["other"]["business"]) == (False, None)
        assert {(2, "busines")} <= {(each["line"], each["where"]) for each in listed["other"]["problems"]}
        assert "not UTF-8" in listed["latin"]["problems"][0]["what"]
        assert "too long" in listed["long"]["problems"][0]["what"]
        assert (await client.get("/personas/latin")).status_code == 409
        broken = (await client.get("/personas/other")).json()
        assert (broken["prompt"], broken["cost"], broken["yaml"]) == (None, None, "name: other\nbusines: x\n")


async def test_a_persona_is_read_with_its_prompts_and_their_cost(api, shop):
    async with api(closing_tag=True) as (_, client):
        answer = await client.get("/personas/shop")
        shown = answer.json()
        assert shown["yaml"] == shop
        assert answer.headers["etag"] == shown["etag"] == etag_of(shop.encode())
        assert shown["prompt"].startswith("<system> You work for Corner Shop")
        assert shown["prompt"].endswith("</system>")
        assert "Corner Shop" in shown["llm_prompt"]
        cost = shown["cost"]
        assert not cost["exact"]  # there is no model here
        assert cost["frames"] == cost["tokens"] + 12 + 50
        assert cost["seconds"] == round(cost["frames"] * 0.08, 2)
        assert cost["share"] == round(cost["frames"] / 3000, 4)


async def test_the_cost_is_exact_where_the_model_s_tokeniser_and_the_voice_are(api, shop):
    tokeniser = pytest.importorskip("bridge.engine.personaplex.tokeniser")
    async with api(model_dir=TINY) as (_, client):
        given = {"name": "shop", "yaml": shop + "voice: GOLD0\n"}
        shown = (await client.post("/personas/check", json=given)).json()
        tokens = len(tokeniser.Tokeniser(TINY / "tokenizer_spm_32k_3.model").encode(shown["prompt"]))
        assert shown["cost"]["exact"]
        assert shown["cost"]["tokens"] == tokens
        assert shown["cost"]["frames"] == tokens + 12 + 9  # the voice of the tiny model has nine frames
        assert shown["cost"]["window_frames"] == 64
        unknown = (await client.post("/personas/check", json={"name": "shop", "yaml": shop})).json()["cost"]
        assert (unknown["exact"], unknown["tokens"]) == (False, tokens)


async def test_a_check_tells_everything_at_once_and_writes_nothing(api, shop):
    async with api() as (server, client):
        text = shop.replace("business:", "busines:").replace("agent_name: Ada", "agent_name: ''")
        told = (await client.post("/personas/check", json={"name": "shop", "yaml": text})).json()
        assert not told["ok"]
        assert {(2, 1, "busines"), (4, 1, "agent_name")} <= {
            (each["line"], each["column"], each["where"]) for each in told["problems"]
        }
        assert told["prompt"] is None
        told = (
            await client.post("/personas/check", json={"name": "twin", "yaml": shop.replace("shop", "twin", 1)})
        ).json()
        assert [each["what"] for each in told["problems"]] == ["+12025550111 is answered by shop too"]
        told = (await client.post("/personas/check", json={"name": "bakery", "yaml": BAKERY})).json()
        assert (told["ok"], told["facts"], told["business"]) == (True, 1, "The Bakery")
        assert [each["where"] for each in told["warnings"]] == ["transfer"]
        assert [path.name for path in folder(server).iterdir()] == ["shop.yaml"]


NONSENSE = [
    (b"{}", 422),
    (b"not json", 422),
    (b'{"name": NaN, "yaml": "x"}', 422),
    (b'{"name": "a", "yaml": "\\ud800"}', 422),
    (b'{"name": "a", "yaml": "x", "\\ud800": 1}', 422),
    (b'{"name": "a", "yaml": "\\u0000"}', 200),
    (b'{"name": "\\u0000/..", "yaml": "name: x"}', 200),
    (b'{"name": "a", "yaml": "x", "more": 1}', 422),
    (b'{"name": "a", "yaml": 3}', 422),
    (b'{"name": "a", "yaml": "[[[[[[[[[[[[[[[[[["}', 200),
    (b'{"name": "a", "yaml": "a: &b [*b]"}', 200),
    (b'{"name": "a", "yaml": "numbers: {a: 1}"}', 200),
]


async def test_a_check_of_nonsense_is_answered(api):
    async with api() as (_, client):
        for body, status in NONSENSE:
            answer = await client.post("/personas/check", content=body, headers={"Content-Type": "application/json"})
            assert answer.status_code == status, (body, answer.text)
            assert status == 422 or not answer.json()["ok"]


async def test_the_template_is_a_persona_without_problems(api):
    async with api() as (_, client):
        answer = await client.get("/personas/template", params={"name": "bakery"})
        assert answer.headers["content-type"].startswith("text/yaml")
        written = await client.put("/personas/bakery", content=answer.content, headers=NEW)
        assert (written.status_code, written.json()["on_duty"]) == (201, True)
        assert (await client.get("/personas/template", params={"name": "../x"})).status_code == 422
        assert (await client.get("/personas/template")).status_code == 422
        assert (await client.put("/personas/template", content=b"name: template", headers=NEW)).status_code == 422


async def test_what_is_written_is_on_duty_when_the_answer_comes(api):
    async with api() as (server, client):
        made = await client.put("/personas/bakery", content=BAKERY.encode(), headers=NEW)
        assert made.status_code == 201
        assert (made.json()["on_duty"], made.json()["current"]) == (True, True)
        assert server.book.by_name("bakery").persona.business == "The Bakery"
        changed = BAKERY.replace("The Bakery", "Bread & Co")
        headers = {"If-Match": made.headers["etag"], "Content-Type": "application/yaml"}
        again = await client.put("/personas/bakery", content=changed.encode(), headers=headers)
        assert (again.status_code, again.json()["business"], again.json()["current"]) == (200, "Bread & Co", True)
        assert server.book.by_name("bakery").persona.business == "Bread & Co"
        assert (folder(server) / "bakery.yaml").read_text() == changed
        assert (folder(server) / "bakery.yaml.bak").read_text() == BAKERY
        assert again.headers["etag"] == etag_of(changed.encode())


async def test_what_the_engine_cannot_use_is_written_and_said(api, shop):
    async with api() as (server, client):
        prepare = server.book._prepare

        async def refusing(key, persona):
            return "there is no voice XYZ" if persona.voice == "XYZ" else await prepare(key, persona)

        server.book._prepare = refusing
        headers = {"If-Match": etag_of(shop.encode()), "Content-Type": "text/yaml"}
        answer = await client.put("/personas/shop", content=(shop + "voice: XYZ\n").encode(), headers=headers)
        told = answer.json()
        assert answer.status_code == 200
        assert (told["on_duty"], told["current"], told["engine_problem"]) == (True, False, "there is no voice XYZ")
        assert (told["voice"], server.book.by_name("shop").persona.voice) == ("XYZ", "NATF2")


async def test_conditions_decide_what_is_written(api, shop):
    async with api() as (server, client):

        async def put(name, text, **headers):
            sent = {key.replace("_", "-"): value for key, value in headers.items()} | {"Content-Type": "text/yaml"}
            return (await client.put(f"/personas/{name}", content=text.encode(), headers=sent)).status_code

        etag = etag_of(shop.encode())
        assert await put("shop", shop) == 428
        assert await put("bakery", BAKERY) == 428
        assert await put("shop", shop, If_None_Match="*") == 412
        assert await put("shop", shop, If_Match='"another"') == 412
        assert await put("shop", shop, If_Match=f"W/{etag}") == 412  # a weak tag matches nothing here
        assert await put("bakery", BAKERY, If_Match="*") == 412
        assert await put("shop", shop, If_Match=f'"another", {etag}') == 200
        assert await put("shop", shop + "# changed\n", If_Match="*") == 200
        assert await put("shop", shop, If_Match=etag) == 412
        assert await put("bakery", BAKERY, If_None_Match="*") == 201
        assert (await client.delete("/personas/bakery", headers={"If-Match": etag})).status_code == 412
        assert (await client.delete("/personas/bakery")).status_code == 204
        assert (await client.delete("/personas/bakery")).status_code == 404
        assert server.book.by_name("bakery") is None
        assert (folder(server) / "bakery.yaml.bak").read_text() == BAKERY
        assert not [path for path in folder(server).iterdir() if path.name.startswith(".")]


async def test_what_has_problems_is_not_written(api, shop):
    async with api() as (server, client):

        async def refused(content, kind="text/yaml"):
            headers = {"If-Match": "*", "Content-Type": kind}
            return await client.put("/personas/shop", content=content, headers=headers)

        answer = await refused(shop.replace("refusal:", "refusl:").encode())
        assert answer.status_code == 422
        assert {10, 13} & {each["line"] for each in answer.json()["problems"]}
        assert (await refused(b"name: shop\xff")).status_code == 422
        assert (await refused(b"")).status_code == 422
        assert (await refused(BAKERY.encode())).json()["problems"][0]["where"] == "name"
        assert (await refused(("# " + "a" * 66_000 + "\n" + shop).encode())).status_code in (413, 422)
        assert (await refused(b"{}", "application/json")).status_code == 415
        assert (folder(server) / "shop.yaml").read_text() == shop
        assert not (folder(server) / "shop.yaml.bak").exists()


async def test_no_name_and_no_link_leads_out_of_the_folder(api, shop, tmp_path):
    outside = tmp_path / "outside.yaml"
    outside.write_text(BAKERY)
    async with api() as (server, client):
        (folder(server) / "leak.yaml").symlink_to(outside)
        (folder(server) / "round.yaml").symlink_to("round.yaml")
        (folder(server) / "inner.yaml").symlink_to("shop.yaml")
        (folder(server) / "dir.yaml").mkdir()
        os.mkfifo(folder(server) / "pipe.yaml")
        for name in ("..%2foutside", "%2e%2e%2foutside", "..", "Shop", "shop.yaml", "a%00b", "a" * 65, "shop%0a", "é"):
            for method in ("GET", "DELETE"):
                assert (await client.request(method, f"/personas/{name}")).status_code in (404, 405), name
            answer = await client.put(f"/personas/{name}", content=BAKERY.encode(), headers=NEW)
            assert answer.status_code in (404, 405, 422), name
        for name in ("leak", "round", "dir", "pipe"):
            assert (await client.get(f"/personas/{name}")).status_code in (404, 409), name
        assert (await client.get("/personas/inner")).json()["yaml"] == shop
        for name in ("leak", "inner", "round"):
            text = BAKERY.replace("name: bakery", f"name: {name}")
            answer = await client.put(f"/personas/{name}", content=text.encode(), headers=NEW)
            assert (answer.status_code, "is a link" in answer.text) == (409, True)
            assert (await client.delete(f"/personas/{name}")).status_code == 409
        names = [row["name"] for row in (await client.get("/personas")).json()]
        assert names == ["dir", "inner", "leak", "pipe", "round", "shop"]
        assert outside.read_text() == BAKERY


async def test_of_writers_at_once_one_wins_and_the_others_are_told(api, shop):
    async with api() as (server, client):
        headers = {"If-Match": etag_of(shop.encode()), "Content-Type": "text/yaml"}
        texts = [shop + f"# {number}\n" for number in range(12)]
        answers = await asyncio.gather(
            *(client.put("/personas/shop", content=text.encode(), headers=headers) for text in texts)
        )
        assert sorted(answer.status_code for answer in answers) == [200] + [412] * 11
        winner = next(text for text, answer in zip(texts, answers, strict=True) if answer.status_code == 200)
        assert (folder(server) / "shop.yaml").read_text() == winner
        assert (folder(server) / "shop.yaml.bak").read_text() == shop


async def test_two_new_personas_of_one_number_cannot_both_be_written(api):
    async with api() as (_, client):
        texts = {name: f"{BAKERY.replace('bakery', name, 1)}numbers: ['+12025550177']\n" for name in ("one", "two")}
        answers = await asyncio.gather(
            *(client.put(f"/personas/{name}", content=text.encode(), headers=NEW) for name, text in texts.items())
        )
        assert sorted(answer.status_code for answer in answers) == [201, 422]


async def test_a_full_disk_is_told_and_leaves_the_file_as_it_is(api, shop, monkeypatch):
    async with api() as (server, client):

        def full(fd, data=None):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr("bridge.server.persona_files.os.fsync", full)
        headers = {"If-Match": "*", "Content-Type": "text/yaml"}
        answer = await client.put("/personas/shop", content=(shop + "# more\n").encode(), headers=headers)
        assert (answer.status_code, answer.json()["detail"]) == (503, "shop.yaml cannot be written: the disk is full")
        assert (folder(server) / "shop.yaml").read_text() == shop
        assert [path.name for path in folder(server).iterdir()] == ["shop.yaml"]


async def test_personas_need_the_key(api):
    async with api() as (_, client):
        client.headers.pop("Authorization")
        for method, path in (
            ("GET", "/personas"),
            ("GET", "/personas/shop"),
            ("PUT", "/personas/shop"),
            ("DELETE", "/personas/shop"),
            ("POST", "/personas/check"),
            ("GET", "/personas/template?name=a"),
        ):
            assert (await client.request(method, path)).status_code == 401, path


TEXTS = st.sampled_from([b"one", b"two", b"three", b""])
WRITERS = st.lists(
    st.tuples(st.sampled_from(["make", "change", "blind", "delete"]), TEXTS, st.integers(0, 3)), max_size=12
)


@given(WRITERS)
@settings(max_examples=60)
def test_no_version_is_lost_unseen(tmp_path_factory, steps):
    """Against a model: a file changes only for who names its version, and what stood before is beside it."""
    files = PersonaFiles(tmp_path_factory.mktemp("personas"))
    path = files.folder / "a.yaml"
    now, backup, seen = None, None, [etag_of(b"never")]
    for step, text, which in steps:
        tag = seen[-1 - which % len(seen)]
        condition = {
            "make": Condition(none_match=("*",)),
            "change": Condition(match=(tag,)),
            "blind": Condition(),
            "delete": Condition(match=(tag,)),
        }[step]
        allowed = now is None if step == "make" else step != "blind" and now is not None and tag == etag_of(now)
        try:
            if step == "delete":
                files.delete("a", condition)
            else:
                assert files.write("a", text, condition) == (now is None)
        except PersonaFileRefusedError:
            assert not allowed
        else:
            assert allowed
            backup = now if now is not None else backup
            now = None if step == "delete" else text
        assert (path.read_bytes() if path.exists() else None) == now
        kept = path.with_name("a.yaml.bak")
        assert (kept.read_bytes() if kept.exists() else None) == backup
        if now is not None:
            seen.append(files.read("a").etag)
            assert seen[-1] == etag_of(now)
