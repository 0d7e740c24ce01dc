"""What the gate promises, written a second time: slow, by regular expressions, one phrase after the other."""

from __future__ import annotations

import re
import unicodedata

KEPT = [
    "i'll", "he'll", "she'll", "we'll", "i'd", "he'd", "she'd",
    "we'd", "we're", "it's", "let's", "can't", "won't", "don't",
]  # fmt: skip


def plain(text: str) -> str:
    for apostrophe in "’‘`´":
        text = text.replace(apostrophe, "'")
    text = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    return "".join(
        c for c in text if unicodedata.category(c)[0] != "M" and (c == "\u200b" or c not in "\u00ad\u200d\u2060")
    )


def prepare(text: str) -> str:
    """Lower case text in which every word that counts stands between characters other than a-z, 0-9."""
    text = plain(text)
    for contraction in KEPT:
        mask = "¤" * len(contraction)  # a letter of no phrase
        text = re.sub(rf"(?<![a-z0-9'¤]){re.escape(contraction)}(?![a-z0-9'])", mask, text)
    text = re.sub(r"(?<=\d)[.,](?=\d)", "", text)
    spelled = r"(?<![a-z0-9¤])[a-z](?:[-.–]+[a-z](?![a-z0-9¤]))+"
    text = re.sub(spelled, lambda found: re.sub(r"[^a-z]", "", found[0]), text)
    return re.sub(r"(?<=[a-z])(?=\d)|(?<=\d)(?=[a-z])", " ", text)


def meets(phrase: str, text: str) -> bool:
    """Whether the text contains the phrase, as words."""
    anything = r"[^a-z0-9¤]*"
    letters = re.sub(r"[^a-z0-9]", "", plain(phrase))
    ending = "(?![a-z0-9¤])"
    if phrase.endswith("*"):
        ending = ""
    elif len(letters) > 2 and letters[-1].isalpha():
        hissing = re.search(r"(s|x|z|ch|sh)$", letters)
        ending = rf"({anything}e{anything}s|)" + ending if hissing else rf"({anything}s|)" + ending
    pattern = "(?<![a-z0-9¤])" + anything.join(letters) + ending
    return re.search(pattern, prepare(text)) is not None
