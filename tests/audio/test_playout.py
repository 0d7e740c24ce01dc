"""The account of what the caller hears."""

from hypothesis import given
from hypothesis import strategies as st

from bridge.audio.playout import MAX_LEAD_MS, Playout


def test_audio_follows_what_was_sent_before_or_begins_at_once():
    playout = Playout()
    first = playout.send(now=0, samples=640)
    second = playout.send(now=100, samples=640)
    later = playout.send(now=5000, samples=640)
    assert (first.start, second.start, later.start) == (0, 640, 5000)


def test_a_mark_proves_all_text_before_it():
    playout = Playout()
    pieces = [playout.send(0, 640, text) for text in (" we", " are", " open")]
    assert [piece.text for piece in playout.played(0, pieces[1].mark)] == [" we", " are"]
    assert [piece.text for piece in playout.played(0, pieces[2].mark)] == [" open"]


def test_a_mark_of_a_cleared_generation_proves_nothing():
    playout = Playout()
    piece = playout.send(0, 640, " secret")
    unheard = playout.clear(now=0)
    assert [p.text for p in unheard] == [" secret"]
    assert playout.played(0, piece.mark) == []


def test_after_a_clear_new_audio_begins_at_once():
    playout = Playout()
    for _ in range(5):
        playout.send(0, 640)
    playout.clear(now=800)
    assert playout.send(now=800, samples=640).start == 800


def test_what_ended_before_a_clear_was_heard():
    playout = Playout()
    playout.send(0, 640, " heard")
    playout.send(0, 640, " not")
    assert [p.text for p in playout.clear(now=700)] == [" not"]
    assert [p.text for p in playout.presumed(now=700)] == [" heard"]


def test_silence_is_left_out_until_the_lead_is_gone():
    playout = Playout()
    for _ in range(10):
        playout.send(now=0, samples=640)
    assert not playout.room_for_silence(0, 640)
    assert playout.skipped_ms == 80
    assert playout.room_for_silence((800 - MAX_LEAD_MS) * 8, 640)


@given(st.lists(st.tuples(st.integers(0, 2000), st.booleans(), st.booleans()), max_size=60))
def test_each_piece_of_text_is_heard_or_unheard_and_never_both(steps):
    playout, now, sent, heard, unheard = Playout(), 0, [], [], []
    for number, (wait, clears, mark_comes) in enumerate(steps):
        now += wait
        if clears:
            unheard += playout.clear(now)
        piece = playout.send(now, 640, f" {number}")
        assert piece.start >= now
        sent.append(piece.text)
        if mark_comes:
            heard += playout.played(playout.generation, piece.mark)
    heard += playout.presumed(now)
    unheard += playout.clear(now)
    assert sorted(p.text for p in heard + unheard) == sorted(sent)


def told(playout, *texts, now=0):
    for text in texts:
        playout.send(now, 640, text)


def test_of_a_phrase_whose_pieces_were_played_everything_was_heard():
    playout = Playout()
    told(playout, " take", " ib", "u")
    assert playout.heard_of(" ibu") == " ibu"
    playout.clear(now=3 * 640)
    assert playout.heard_of("ibu") == " ibu"


def test_of_a_phrase_that_was_cleared_only_what_had_begun_to_sound_was_heard():
    playout = Playout()
    told(playout, " take", " ib", "u", "pro")
    playout.clear(now=640 + 1)  # one sample of " ib" has been played
    assert playout.heard_of(" ibupro") == " ib"
    playout.clear(now=640 + 1)
    assert playout.heard_of(" ibupro") == " ib"


def test_nothing_was_heard_of_a_phrase_that_was_cleared_before_its_first_sample():
    playout = Playout()
    told(playout, " take", " ib", "u")
    playout.clear(now=640)
    assert playout.heard_of(" ibu") == ""
    assert playout.heard_of("") == ""


def test_a_piece_was_heard_whose_mark_came_back_before_it_was_due():
    playout = Playout()
    piece = playout.send(0, 640, " ib")
    playout.played(0, piece.mark)
    playout.clear(now=0)
    assert playout.heard_of(" ib") == " ib"


def test_words_that_were_never_sent_were_not_heard():
    playout = Playout()
    told(playout, " We", " take", " blue")
    assert playout.heard_of("blue cross") == " blue"
    assert playout.heard_of("green cross") == ""


@given(st.lists(st.sampled_from([" ib", "u", " pro", "f", " en."]), min_size=1, max_size=40), st.integers(0, 40 * 640))
def test_what_was_heard_of_a_text_is_its_beginning_up_to_the_moment_of_the_clear(texts, now):
    playout = Playout()
    told(playout, *texts)
    playout.clear(now)
    played = texts[: -(-now // 640)]
    assert playout.heard_of("".join(texts)) == "".join(played)
