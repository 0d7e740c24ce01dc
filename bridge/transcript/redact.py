"""Masking of card and phone numbers in the record of a call (`REDACT=1`).

What is masked:
* card numbers: 13 to 19 digits that pass the Luhn check, in figures or English words, however grouped; with them
  whatever digits stand beside them, such as the expiry date and the check value. "[card number ending 1111]": the
  last four digits stay, as PCI DSS 4.0.1 (requirement 3.4.1) allows;
* any other number of seven digits or more that is written as phone numbers are or is said digit by digit:
  "[number ending 43]"; the last two digits stay, enough to tell two numbers of one call apart;
* the caller's own number, and every key that was pressed.

Times, dates, prices, years, decimals and postcodes are left alone. Masking is a matter of text: a recording of the
call still holds what was said.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import msgspec

from bridge.transcript.numbers import Row, Token, digits_of, luhn, open_ended, rows, tokens
from bridge.transcript.records import (
    AgentSaid,
    AgentUnheard,
    AskedRecord,
    Call,
    CallerSaid,
    CarrierReport,
    DigitPressed,
    Ended,
    PersonRecord,
    Problem,
    Record,
    RecordingRecord,
    Summary,
    VerdictRecord,
)

CARD_DIGITS: Final = range(13, 20)
"""Lengths of payment card numbers in use (ISO/IEC 7812-1 allows up to 19)."""

NUMBER_DIGITS: Final = 7
"""The shortest number that is masked: a North American local number."""

HOLD_MS: Final = 10_000
"""How long words that may be the beginning of a number are held back while the speaker says nothing more."""

HOLD_RECORDS: Final = 64
"""So many records are held back at most; a number said with more pauses than that is masked piece by piece."""

_DAY = r"(?:0?[1-9]|[12]\d|3[01])"
_YEAR = r"(?:19|20)\d\d"
_FULL_DATE = rf"(?<![-./\d])(?:{_YEAR}[-./]{_DAY}[-./]{_DAY}|{_DAY}[-./]{_DAY}[-./]{_YEAR})(?![-./]?\d)"
_DATE = re.compile(_FULL_DATE)
"""Digits that no card number contains. A shorter date could be a group of one."""

_PLAIN = re.compile(
    rf"{_FULL_DATE}|(?<![-./\d]){_DAY}[-./]{_DAY}[-./]\d\d(?![-./]?\d)"
    rf"|\b(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?\s+{_DAY}(?:st|nd|rd|th)?,?\s+{_YEAR}\b"
    rf"|(?<!\d){_YEAR}\s?[-–]\s?{_YEAR}(?!\d)"
    r"|(?<!\d)\d{1,2}:\d\d(?::\d\d)?(?!\d)"  # times
    r"|[$€£¥₹]\s?\d[\d.,]*"  # prices
    r"|(?<!\d)\d[\d.,]*\s?(?:dollars?|euros?|pounds?|cents?|usd|eur|gbp|per\s?cent|[%€£])(?!\w)"
    r"|(?<![\d.,])\d{1,3}(?:\.\d{3})+(?:,\d+)?(?!\.?\d)"  # 1.299.000
    r"|(?<![\d.])\d{1,3}\.(?:\d{1,3}|\d{5,})(?!\.?\d)"  # decimals, but not 555.0143
    r"|(?<![-\d])\d{5}-\d{4}(?![-\d])",  # ZIP+4
    re.IGNORECASE,
)
"""Rows of digits that are no phone number."""


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of text to replace."""

    start: int
    end: int
    mask: str


def mask(text: str) -> str:
    """The text without its card and phone numbers."""
    return _replaced(text, find(text))


def find(text: str) -> list[Span]:
    """The numbers to mask, in order."""
    found = list(tokens(text))
    if len(digits_of(found)) < NUMBER_DIGITS:
        return []
    cards = _cards(text, _outside(found, [match.span() for match in _DATE.finditer(text)]))
    spans = [_span(text, row, f"[card number ending {card[-4:]}]") for row, card in cards]
    taken = [(span.start, span.end) for span in spans] + [match.span() for match in _PLAIN.finditer(text)]
    rest = [token for token in _outside(found, taken) if token.kind != "figures" or _stands_alone(text, token)]
    spans += [_span(text, row, f"[number ending {digits_of(row)[-2:]}]") for row in _numbers(text, rest)]
    return sorted(spans, key=lambda span: span.start)


def _outside(found: Sequence[Token], places: Sequence[tuple[int, int]]) -> list[Token]:
    return [token for token in found if not any(start < token.end and token.start < end for start, end in places)]


def _cards(text: str, found: Sequence[Token]) -> Iterator[tuple[Row, str]]:
    for row in rows(text, found, loose=True):
        if not all(re.fullmatch(_YEAR, token.digits) for token in row) and (card := _card(row)):
            yield row, card


def _card(row: Row) -> str | None:
    """The longest part of a row that passes for a card number."""
    best = ""
    for first in range(len(row)):
        digits = ""
        for token in row[first:]:
            digits += token.digits
            if len(digits) > CARD_DIGITS[-1]:
                break
            if len(digits) in CARD_DIGITS and len(digits) > len(best) and luhn(digits) and digits.strip("0"):
                best = digits
    return best or None


def _numbers(text: str, found: Sequence[Token]) -> Iterator[Row]:
    for row in rows(text, found, loose=False):
        if len(digits_of(row)) >= NUMBER_DIGITS and _dictated(row):
            yield row


def _dictated(row: Row) -> bool:
    """Words such as "twelve" and "hundred" belong to a number if three digits beside them were said one by one.

    "Five five five, twelve thirty-four" is one; "eight thirty, nine fifteen or ten thirty" is none.
    """
    if all(token.kind != "larger" for token in row):
        return True
    singles = longest = 0
    for token in row:
        singles = singles + len(token.digits) if token.single else 0
        longest = max(longest, singles)
    return longest >= 3


def _stands_alone(text: str, token: Token) -> bool:
    """Not a part of a word such as B12345678 or 5th; an extension may follow."""
    before, after = text[token.start - 1 : token.start], text[token.end : token.end + 1]
    return not (before.isalpha() or before == "_") and not (after.isalpha() and after not in "xX")


def _span(text: str, row: Row, label: str) -> Span:
    start = row[0].start
    while start and text[start - 1] in "+(":
        start -= 1
    return Span(start, row[-1].end, label)


def _replaced(text: str, spans: Sequence[Span], offset: int = 0) -> str:
    parts, at = [], 0
    for span in spans:
        parts += [text[at : span.start - offset], span.mask]
        at = span.end - offset
    return "".join([*parts, text[at:]])


Said = CallerSaid | AgentSaid


class Redactor:
    """Masks one call's records as they are made.

    A number is often said in groups, with pauses that make a record of each. So what may be the beginning of a number
    is held back until the same speaker goes on to something else, `HOLD_MS` pass on the call's clock or the call ends.
    Records that one number runs through become one record.
    """

    def __init__(self, pseudonym: Callable[[str], str] = lambda number: "") -> None:
        """Nothing is held back. `pseudonym` gives what stands for a number, so that its calls can still be found."""
        self._pseudonym = pseudonym
        self._held: dict[Literal["caller", "agent"], list[Said]] = {"caller": [], "agent": []}

    def push(self, record: Record) -> tuple[Record, ...]:
        """Take the next record; give those, masked, that are ready to be written."""
        match record:
            case CallerSaid():
                return self._expired(record.start_ms) + self._said("caller", record)
            case AgentSaid():
                return self._expired(record.start_ms) + self._said("agent", record)
            case AgentUnheard():
                masked = msgspec.structs.replace(record, text=mask(record.text))
                return (*self._release("agent"), *self._expired(record.at_ms), masked)
            case VerdictRecord():
                texts = {name: mask(getattr(record, name)) for name in ("withheld", "begun", "heard")}
                return (*self._expired(record.at_ms), msgspec.structs.replace(record, **texts))
            case DigitPressed():
                return (*self._expired(record.at_ms), msgspec.structs.replace(record, digit=""))
            case Problem() | RecordingRecord() | AskedRecord() | PersonRecord():
                return (*self._expired(record.at_ms), record)
            case CarrierReport():
                return (record,)
            case Summary():
                return (msgspec.structs.replace(record, text=mask(record.text)),)
            case Call():
                number = mask(record.party)
                key = self._pseudonym(record.party) if number != record.party else ""
                theirs = "from_number" if record.direction == "inbound" else "to_number"
                return (msgspec.structs.replace(record, **{theirs: number, "person_key": key}),)
            case Ended():
                return (*self.flush(), record)

    def flush(self) -> tuple[Record, ...]:
        """Everything that is held back, masked."""
        return self._release("caller") + self._release("agent")

    def _said(self, speaker: Literal["caller", "agent"], record: Said) -> tuple[Record, ...]:
        held = self._held[speaker]
        held.append(record)
        if len(held) < HOLD_RECORDS and open_ended(_joined(held)[0]):
            return ()
        return self._release(speaker)

    def _expired(self, now_ms: int) -> tuple[Record, ...]:
        out: tuple[Record, ...] = ()
        for speaker, held in self._held.items():
            if held and now_ms - held[-1].end_ms > HOLD_MS:
                out += self._release(speaker)
        return out

    def _release(self, speaker: Literal["caller", "agent"]) -> tuple[Record, ...]:
        held, self._held[speaker] = self._held[speaker], []
        return tuple(_masked(held))


def _masked(said: Sequence[Said]) -> Iterator[Said]:
    """Mask numbers within records and across them."""
    text, places = _joined(said)
    spans = find(text)
    at = 0
    while at < len(said):
        last = at
        inside: list[Span] = []
        for span in spans:
            if places[at][0] <= span.start < places[last][1]:
                inside.append(span)
                while places[last][1] < span.end:
                    last += 1
        start, end = places[at][0], places[last][1]
        yield _merged(said[at : last + 1], _replaced(text[start:end], inside, start))
        at = last + 1


def _joined(said: Sequence[Said]) -> tuple[str, list[tuple[int, int]]]:
    """All the text in a row, and where each record's part of it lies."""
    text, places = "", []
    before: Said | None = None
    for record in said:
        if before is not None and not (
            isinstance(record, AgentSaid) and isinstance(before, AgentSaid) and record.turn == before.turn
        ):
            text += " "
        places.append((len(text), len(text) + len(record.text)))
        text += record.text
        before = record
    return text, places


def _merged(said: Sequence[Said], text: str) -> Said:
    first, last = said[0], said[-1]
    merged = msgspec.structs.replace(first, text=text, end_ms=max(first.end_ms, last.end_ms))
    if isinstance(merged, AgentSaid):
        proven = all(isinstance(record, AgentSaid) and record.proven for record in said)
        merged = msgspec.structs.replace(merged, proven=proven)
    return merged
