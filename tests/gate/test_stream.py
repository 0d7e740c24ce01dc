from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from bridge.gate.letters import fold_character, read
from bridge.gate.stream import BEGINNING, Letter, advance, finish

tricky = st.text("abchilsetdonw12.,-'’· é\u0301\u00ad\u200b•½Ⅷ", max_size=24)


def letters_of(text: str) -> list[Letter]:
    reading, letters = BEGINNING, []
    for character in text:
        for folded in fold_character(character):
            reading, settled = advance(reading, folded)
            letters += settled
    return letters + finish(reading)


@given(tricky | st.text(max_size=30))
@example("he'll he'llo she'l don't don'ts 'he'll' x-ray c-l-a-s-s b-i'll 1.99, 1.9.9 a.b,c")
def test_reading_character_by_character_gives_the_letters_of_the_whole_text(text: str) -> None:
    whole = read(text)
    assert letters_of(text) == list(zip(whole.row, whole.starts, strict=True))
