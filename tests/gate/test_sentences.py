import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.gate.sentences import LONGEST, Splitter, split


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("We are open. Come in!", ["We are open.", "Come in!"]),
        ("From 9 a.m. to 5 p.m. on weekdays.", ["From 9 a.m. to 5 p.m. on weekdays."]),
        ("We close at 5 p.m. Then we go home.", ["We close at 5 p.m.", "Then we go home."]),
        ("Dr. Lee is in. Mrs. Fox is not.", ["Dr. Lee is in.", "Mrs. Fox is not."]),
        ("It costs $4.50. Is that all?", ["It costs $4.50.", "Is that all?"]),
        ("Really?! Yes…  Good.", ["Really?!", "Yes…", "Good."]),
        ("He said “stop.” Then he left.", ["He said “stop.”", "Then he left."]),
        ("first line\nsecond line", ["first line", "second line"]),
        ("no end", ["no end"]),
        ("", []),
        (" \n ", []),
    ],
)
def test_a_text_is_cut_where_a_sentence_ends(text, sentences):
    assert split(text) == sentences


@given(st.text(alphabet="ab .,!?\nDrpm", max_size=500), st.lists(st.integers(1, 9)))
def test_sentences_that_stream_in_are_those_of_the_whole(text, lengths):
    splitter = Splitter()
    found, rest = [], text
    for length in lengths:
        found += splitter.feed(rest[:length])
        rest = rest[length:]
    assert found + splitter.feed(rest) + splitter.rest() == split(text)


@given(st.text(max_size=1000))
def test_no_letter_is_lost_and_no_sentence_is_endless(text):
    sentences = split(text)
    assert "".join("".join(sentences).split()) == "".join(text.split())
    assert all(sentence == sentence.strip() for sentence in sentences)


def test_a_text_without_full_stops_is_cut_at_a_space():
    assert max(map(len, split("word " * 500))) <= LONGEST
