"""What callers say apart from questions about the business: one table of intents, by example and by word.

English, like the recogniser. An utterance has an intent if its meaning is near one of the `examples`, or if the whole
of it matches `words` (lower case, without punctuation). To teach a new way of saying something, add an example.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal

IntentName = Literal["hello", "thanks", "well", "machine", "wait", "repeat", "person", "goodbye", "yes", "no"]


@dataclass(frozen=True, slots=True)
class Intent:
    """One thing that callers mean: examples for the embedding, and a pattern that a whole utterance must match."""

    examples: tuple[str, ...]
    words: re.Pattern[str]


def _said(*forms: str) -> re.Pattern[str]:
    """Any of these forms, then any number of polite words."""
    polite = "please|thanks|thank you|very much|so much|a lot|then|now|there|sir|madam"
    return re.compile(f"(?:{'|'.join(forms)})(?: (?:{polite}))*")


_PERSON: Final = (
    "(?:(?:real|actual|live|human) )*"
    "(?:person|human|human being|operator|receptionist|representative|agent|staff|somebody|someone|manager)"
    "(?: real| else)?"
)

INTENTS: Final[dict[IntentName, Intent]] = {
    "goodbye": Intent(
        (
            "Goodbye.",
            "Bye bye, have a nice day.",
            "That's everything, thank you.",
            "That's all I needed.",
            "I have to go now.",
        ),
        _said(
            "(?:.* )?(?:good ?bye|bye|see you(?: later)?|have a (?:nice|good|great|lovely) \\w+)",
            "(?:(?:no|okay|ok|great|alright) )?that(?: is|'?s| was| will be|'?ll be) (?:all|everything|it)",
        ),
    ),
    "person": Intent(
        (
            "Can I speak to a real person?",
            "I want to talk to a human.",
            "Put me through to someone, please.",
            "Can you connect me to the operator?",
            "I'd rather talk to a member of staff.",
            "Transfer me to a representative.",
        ),
        _said(
            f"(?:.* )?(?:speak|talk|chat|speaking|talking) (?:to|with) (?:(?:a|an|the|your|some) )?{_PERSON}",
            "(?:.* )?(?:connect|transfer|put) me(?: through)?(?: to .*)?",
            f"(?:an? )?{_PERSON}",
        ),
    ),
    "thanks": Intent(
        ("Thank you very much.", "Thanks, that helps a lot.", "Great, thank you."),
        _said(
            "(?:(?:ok|okay|great|perfect|alright|lovely|super|wonderful|good) )*(?:thank you|thanks|many thanks|cheers)"
        ),
    ),
    "hello": Intent(
        ("Hello?", "Hi there.", "Good morning.", "Good afternoon."),
        _said("(?:hello|hi|hey|good (?:morning|afternoon|evening|day))(?: again| hello)?"),
    ),
    "well": Intent(("How are you?", "How are you doing today?"), _said("how are you(?: doing| today| doing today)?")),
    "machine": Intent(
        (
            "Are you a robot?",
            "Am I talking to a machine?",
            "Are you a real person or a computer?",
            "Is this a recording?",
        ),
        _said("are you (?:an? )?(?:real person|real|human|robot|machine|computer|bot|ai)"),
    ),
    "wait": Intent(
        ("Hold on a second, please.", "One moment please.", "Let me think.", "Give me a minute to find a pen."),
        _said(
            "(?:hold on|hang on|wait|let me see|let me think)(?: (?:a|one) (?:moment|second|minute|sec))?",
            "(?:just )?(?:a|one) (?:moment|second|minute|sec)",
        ),
    ),
    "repeat": Intent(
        ("Could you repeat that?", "Say that again, please.", "I didn't hear you, what did you say?", "Pardon?"),
        _said(
            "(?:(?:i'?m )?sorry )?(?:pardon|pardon me|what did you say|what was that|come again)",
            "(?:(?:i'?m )?sorry )?(?:(?:can|could|would) you )?(?:please )?(?:say|repeat) (?:that|it)(?: again)?",
        ),
    ),
    "yes": Intent(
        ("Yes, please.", "Yes, that would be great.", "Sure, go ahead."),
        _said(
            "(?:yes|yeah|yep|yup|yah|ya|sure|okay|ok|certainly|absolutely|definitely|correct)(?: .{0,12})?",
            "please do|go ahead|of course|why not|i would|that'?s right",
        ),
    ),
    "no": Intent(
        ("No, thank you.", "No, I don't want that.", "Not right now."),
        _said("(?:no|nope|nah|know)(?: .{0,12})?", "not (?:now|really|today|necessary|at all)|never ?mind|don'?t"),
    ),
}
"""In the order in which patterns are tried. "know" is how the recogniser often writes a lone "no"."""

INTENT_THRESHOLD: Final = 0.62
"""Nearness (cosine) from which an example decides. Higher than for facts: taking a question for small talk is worse."""

_BACKCHANNEL: Final = re.compile(
    "(?:m+h?m+|mm ?hmm?|mhm|uh ?huh|u+h+|u+m+|h+m+|oh|ah|aha|okay|ok|right|yeah|yes|sure|i see|got it)"
    "(?: (?:okay|ok|right|yeah|yes|sure))*"
)
_PUNCTUATION: Final = re.compile(r"[^\w' ]+")


def normalise(text: str) -> str:
    """Lower case, punctuation replaced by spaces, single spaces: what the patterns are written for."""
    return " ".join(_PUNCTUATION.sub(" ", text.lower().replace("’", "'")).split())


def match_words(text: str) -> IntentName | None:
    """Intent whose pattern the whole of `text` matches; None if there is none."""
    plain = normalise(text)
    return next((name for name, intent in INTENTS.items() if intent.words.fullmatch(plain)), None)


def is_backchannel(text: str) -> bool:
    """True for what a listener says to show that they listen: "mm-hm", "okay", "right"."""
    return _BACKCHANNEL.fullmatch(normalise(text)) is not None
