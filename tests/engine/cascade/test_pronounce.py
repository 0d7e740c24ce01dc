import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.engine.cascade.pronounce import portions, spoken_form


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("Call (202) 555-0143.", "Call 2 0 2, 5 5 5, 0 1 4 3."),
        ("Call 1-202-555-0143.", "Call 1, 2 0 2, 5 5 5, 0 1 4 3."),
        ("Call +12025550143.", "Call 1, 2 0 2, 5 5 5, 0 1 4 3."),
        ("Mon-Fri 8-17", "Monday to Friday 8 to 17"),
        ("9 a.m.-5 p.m.", "9 a.m. to 5 p.m."),
        ("9am–5pm", "9am to 5pm"),
        ("It takes 3-5 days.", "It takes 3 to 5 days."),
        ("£30 a month", "30 pounds a month"),
        ("open 24/7", "open twenty four seven"),
        ("salt & pepper", "salt and pepper"),
        ("**Hello** <speed level='500'>", "Hello speed level='500'"),
    ],
)
def test_what_the_voice_misreads_is_written_out(written, spoken):
    assert spoken_form(written, "en") == spoken


@pytest.mark.parametrize("text", ["From 9 a.m. to 5:30 pm.", "It costs $1,250.50.", "Call 555-0143.", "15% off."])
def test_what_the_voice_reads_well_stays(text):
    assert spoken_form(text, "en-GB") == text


def test_english_rules_leave_other_languages_alone():
    assert spoken_form("Mon-Fri & £3", "de") == "Mon-Fri & £3"


@given(st.text(alphabet="ab c1,.", max_size=900))
def test_the_voice_gets_short_words_in_short_portions(text):
    cut = portions(text)
    assert "".join("".join(cut).split()) == "".join(text.split())
    assert all(len(portion) <= 200 and max(map(len, portion.split())) <= 25 for portion in cut)
