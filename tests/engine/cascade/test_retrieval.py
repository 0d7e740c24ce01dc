import numpy as np
import pytest

from bridge.engine.cascade.retrieval import Key, build_index


@pytest.fixture(scope="module")
def index(embedder):
    asked = {
        "What are your opening hours?": "hours",
        "Where are you located?": "place",
        "Is there parking?": "parking",
        "How much is a check-up?": "price",
        "Do you take children?": "children",
    }
    return build_index(embedder, [Key(question, entry) for question, entry in asked.items()])


@pytest.mark.parametrize(
    ("question", "entry"),
    [
        ("When do you open on Saturday?", "hours"),
        ("Where can I leave my car?", "parking"),
        ("What's the address?", "place"),
        ("What does a check up cost?", "price"),
        ("Can I bring my kids?", "children"),
    ],
)
def test_a_paraphrase_finds_its_question(embedder, index, question, entry):
    (vector,) = embedder.embed([question])
    assert index.nearest(vector)[1] == entry


def test_vectors_have_unit_length_and_case_and_accents_do_not_matter(embedder):
    plain, shouted = embedder.embed(["where is the cafe", "WHERE is the Café"])
    assert np.linalg.norm(plain) == pytest.approx(1, abs=1e-5)
    assert plain @ shouted == pytest.approx(1, abs=1e-3)


def test_neighbours_in_a_batch_do_not_change_a_vector_much(embedder):
    alone = embedder.embed(["Where are you?"])[0]
    crowd = embedder.embed(["Where are you?", "a much longer sentence about something else " * 9] * 20)[0]
    assert alone @ crowd > 0.98


def test_nothing_is_nearest_where_nothing_is_known(embedder):
    assert build_index(embedder, []).nearest(embedder.embed(["hello"])[0]) is None


def test_a_lighter_key_loses_a_tie(embedder):
    index = build_index(embedder, [Key("Where are you?", "light", 0.9), Key("Where are you?", "heavy")])
    assert index.nearest(embedder.embed(["Where are you?"])[0]) == (pytest.approx(1, abs=1e-4), "heavy")
