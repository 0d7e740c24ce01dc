"""Warnings: what an owner should know of a persona that can be used as it is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import astuple
from typing import Any, Final

from bridge.facts.formats import FRAME_MS
from bridge.gate.letters import read
from bridge.persona.consistency import blocked_phrases, rule_paths, usable_rules
from bridge.persona.document import Document, spell
from bridge.persona.lines import lines_for
from bridge.persona.problem import Problem
from bridge.persona.prompt import ADVISED_CHARACTERS, model_prompt
from bridge.persona.schema import ENOUGH, Allowed, Persona

_SHORTEST_PREFIX: Final = 4
"""Letters before a `*`; fewer meet everyday words, also across a space."""

_EVERYDAY_WORDS: Final = """
    a about all also always am an and any are as ask at away back bad be been best big book both but buy by call can car
    chin come cost cut day did do does done down each end far few find fine first fix for free from full get give go
    good got had has have he help her here hers him his home hour how i if in is it its just keep kind know last late
    let like line list live long look lot made make man many may me mean men meet mind miss more most move much must my
    name near need new next no not note now of off office old on once one only open or order other our out over own
    part pay pick place plan please point put ran rate read rest right room run safe said sale same sat saw say see
    seen sell send sent set she shop show side sit site so some soon stay still stop store such sun sure table take
    talk tell ten than that the their them then there they thing this time to today too top try turn two under up us
    use very wait walk want was way we week well went were what when where which while who why will wish with word
    work would year yes yet you your
    """
"""Words so common in service talk that two of them in a row may well spell a third: "I ran" is Iran."""

_DIGITS: Final = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_KEYS: Final = {"*": "star", "#": "pound"} | {str(digit): word for digit, word in enumerate(_DIGITS)}

_EVERYDAY: Final = frozenset(_EVERYDAY_WORDS.split())


def advice(document: Document, persona: Persona | None) -> Iterator[Problem]:
    """Warnings, in no particular order; those about the persona as a whole only where the schema accepts it."""
    yield from _risky_phrases(document)
    yield from _unreachable_questions(document)
    yield from _blocked_engine_lines(document)
    if persona is None:
        return
    length = len(model_prompt(persona))
    if length > ADVISED_CHARACTERS:
        what = (
            f"the model prompt has {length:,} characters; more than {ADVISED_CHARACTERS:,} crowd out the conversation"
        )
        yield document.problem(
            ("prompt",) if persona.prompt else ("information",),
            what,
            "this concerns PersonaPlex only; `callbridge persona prompt` shows it",
        )
    if persona.gate.hold:
        what = f"PersonaPlex is heard {persona.gate.hold * FRAME_MS} ms later, all the time"
        yield document.problem(
            ("gate", "hold"), what, "that is what keeping the beginning of a blocked phrase back costs"
        )
    if not persona.language.startswith("en"):
        what = f"{persona.language!r}: the CPU engine understands English only"
        yield document.problem(("language",), what, "PersonaPlex, too, was trained on English")
        for index, topic in enumerate(persona.blocked):
            if topic.numbers is not None:
                what = "are met in digits and in English words only"
                yield document.problem(
                    ("blocked", index, "numbers"), what, "list the prices themselves as phrases, too"
                )
    if persona.allowed is not None:
        yield from _allowed(document, persona.allowed, persona.language)
    if persona.outbound:
        what = "PersonaPlex was trained for answering calls, not for placing them"
        yield document.problem(
            ("outbound",), what, "try it on yourself first, and know the law on automated calls where you call"
        )
    if persona.transfer is None:
        yield document.problem(("transfer",), "is missing", "callers who want a person cannot be put through")
    if persona.when_full.to and persona.when_full.to.startswith("http://"):
        what = "is not encrypted: whoever listens in between hears of every call"
        yield document.problem(("when_full", "to"), what, "write https:// if the other bridge has a certificate")
    if persona.recording and (key := persona.recording.opt_out_key) and not _tells(persona.recording.notice, key):
        what = f"does not tell callers of the opt_out_key {key}"
        yield document.problem(("recording", "notice"), what, "nobody presses a key that they do not know of")
    if not persona.facts:
        yield document.problem(("facts",), "are missing", "the CPU engine answers from them and can answer nothing now")


def _allowed(document: Document, allowed: Allowed, language: str) -> Iterator[Problem]:
    """What makes the judgement on allowed topics unsure."""
    if not language.startswith("en"):
        yield document.problem(("allowed",), "is told by the meaning of English sentences", "it judges no others well")
    count = len(allowed.off_topic_examples)
    if count < ENOUGH:
        what = f"has {count} off_topic_examples; {ENOUGH} and more make its threshold sure"
        yield document.problem(("allowed",), what, "add some, then run `callbridge gate calibrate`")


def _tells(notice: str, key: str) -> bool:
    """Whether a notice names a key, as a figure or in an English word."""
    return bool({key, _KEYS.get(key, key)} & set(re.findall(r"[a-z]+|[0-9]+|[*#]", notice.casefold())))


def _risky_phrases(document: Document) -> Iterator[Problem]:
    """Blocked phrases that innocent text will meet."""
    for path, phrase in blocked_phrases(document):
        letters = read(phrase).row
        if phrase.rstrip().endswith("*"):
            if 0 < len(letters) < _SHORTEST_PREFIX:
                what = f"{phrase!r} blocks every word that begins with these letters"
                yield document.problem(path, what, "list the words you mean")
            continue
        halves = _everyday_halves(letters) if " " not in phrase.strip() else None
        if halves:
            what = f"{phrase!r} is also met by “{halves}”, because spacing never hides a blocked word"
            yield document.problem(path, what, "make it a longer phrase if that happens in your calls")


def _blocked_engine_lines(document: Document) -> Iterator[Problem]:
    """Lines of the CPU engine's own that the gate stops: callers hear the refusal in their place."""
    language = document.values.get("language")
    rules = usable_rules(document)
    paths = {spell(path): path for path in rule_paths(document)}
    for line in astuple(lines_for(language if isinstance(language, str) else "en")):
        for hit in rules.find(line)[:1]:
            what = f"{hit.phrase!r} also stops what the CPU engine says of its own: “{line}”"
            yield document.problem(paths[hit.topic], what, "narrow it, or callers hear the refusal instead")


def _everyday_halves(letters: str) -> str | None:
    cuts = ((letters[:cut], letters[cut:]) for cut in range(1, len(letters)))
    return next((f"{first} {second}" for first, second in cuts if {first, second} <= _EVERYDAY), None)


def _unreachable_questions(document: Document) -> Iterator[Problem]:
    """Information that cannot be said, questions of facts that are refused, and questions with two answers."""
    rules = usable_rules(document)
    information = document.values.get("information")
    if isinstance(information, str):
        for hit in rules.find(information)[:1]:
            what = f"contains {information[hit.start : hit.end]!r}, which {hit.phrase!r} under blocked forbids to say"
            yield document.problem(("information",), what, "the agent is refused whenever it says so")
    asked: dict[str, int] = {}
    facts: Any = document.values.get("facts")
    for index, fact in enumerate(facts if isinstance(facts, list) else []):
        questions = fact.get("ask") if isinstance(fact, dict) else None
        for place, question in enumerate(questions if isinstance(questions, list) else []):
            if not isinstance(question, str):
                continue
            path = ("facts", index, "ask", place)
            for hit in rules.asked(question)[:1]:
                yield document.problem(path, f"meets the blocked {hit.phrase!r}", "callers who ask this are refused")
            plain = " ".join(re.findall(r"\w+", question.casefold()))
            if asked.setdefault(plain, index) != index:
                what = f"fact #{asked[plain] + 1} is asked for in the same words"
                yield document.problem(path, what, "keep the question at one of them")
