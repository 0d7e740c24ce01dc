import numpy as np
import pytest

from bridge.audio.resample import Resampler
from bridge.engine.cascade.voice import Voice, voice_for


@pytest.fixture(scope="module")
def voice():
    return Voice()


def heard(tools, sound):
    samples = Resampler(2, 3).process(sound[: len(sound) // 3 * 3].astype(np.float32) / np.float32(32768))
    return tools.recogniser.recognise(samples)


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("We are open from 9 a.m. to 5 p.m.", ("9", "5")),
        ("That is $45.", ("45", "dollars", "forty", "$45")),
        ("Please call 555-0143.", ("555", "0143")),
        ("We are open Mon-Fri.", ("Monday", "Friday")),
    ],
)
def test_numbers_and_days_are_understood_by_ear(voice, tools, written, words):
    text = heard(tools, voice.speak(written, "en").sound)
    assert any(word in text for word in words), text


@pytest.mark.parametrize("language", ["en", "en-GB", "de", "es", "fr", "it"])
def test_each_language_has_a_voice_that_is_loud_and_not_clipped(voice, language):
    sound = voice.speak("Banana, tomate, radio, piano, telefon, hotel.", language).sound.astype(np.float64) / 32768
    assert -24 < 20 * np.log10(sound.std()) < -14
    assert np.abs(sound).max() < 0.99


def test_a_line_without_words_is_silent(voice):
    assert len(voice.speak("…", "en").sound) == 0
    assert len(voice.speak("", "en").sound) == 0


def test_a_line_is_spoken_once_and_kept(voice):
    assert voice.speak("Hello there.", "en") is voice.speak("Hello there.", "en")


def test_a_language_without_a_voice_is_spoken_by_the_english_one(voice):
    assert voice_for("pl") is None
    assert voice_for("de-AT") == "de-DE"
    assert len(voice.speak("Hello there.", "pl").sound) == len(voice.speak("Hello there.", "en").sound)


@pytest.mark.parametrize(
    "text", ["<speed level='20'>slow", "你好 😀 hello", "\x00 a \x07 b", "&amp; </volume>", "x" * 2000]
)
def test_no_text_upsets_the_voice(voice, text):
    assert len(voice.speak(text, "en").sound) > 0


def test_the_store_of_spoken_lines_is_bounded():
    voice = Voice()
    long = "mississippi " * 25
    seconds = sum(len(voice.speak(f"{number} {long}", "en").sound) / 24000 for number in range(40))
    assert voice.stored_seconds <= 600 < seconds
