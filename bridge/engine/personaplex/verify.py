"""Does this machine compute what the published implementations compute? Replays a snapshot's golden vectors.

Float32 on the CPU, through the same `listen`, `speak` and codec functions that serve calls.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from bridge.engine.personaplex.config import CASES_FILE, LM_FILE, MIMI_FILE, VOICES_DIR, Sampling
from bridge.engine.personaplex.mimi import decode_codes, encode_signal
from bridge.engine.personaplex.model import Model, load_model, require_files
from bridge.engine.personaplex.packing import Keys
from bridge.engine.personaplex.prompt import Prompt, Voice, VoiceCodes, lay_out, prefill
from bridge.engine.personaplex.slots import Slots
from bridge.engine.personaplex.step import candidates, listen, noise, speak
from bridge.engine.personaplex.voice_files import load_voice
from bridge.engine.personaplex.voices import GOLDEN_VOICE
from bridge.engine.personaplex.weights import WeightsError

LOGITS_WITHIN = 1e-3
PCM_WITHIN = 1e-3
CODES_EQUAL = 0.95

_CASES = {
    "unprompted": ("caller_codes", "tokens", "text_logits", "agent_audio_logits"),
    "prompted": ("voice_codes", "text_prompt_tokens", "caller_codes", "tokens"),
    "mimi": ("pcm_in", "codes", "pcm_out"),
}


@dataclass(frozen=True)
class Rows:
    """Rows of tokens compared, and how many of them are equal in every token."""

    frames: int
    equal: int


@dataclass(frozen=True)
class Report:
    """Outcome of `verify`; None stands for a case that could not be compared."""

    lm_unprompted: Rows | None
    lm_prompted_codes: Rows | None
    lm_prompted_pt: Rows | None
    text_logits_max_error: float | None
    audio_logits_max_error: float | None
    mimi_codes_equal: float | None
    mimi_pcm_max_error: float | None

    @property
    def ok(self) -> bool:
        """Whether every case that the snapshot carries is reproduced.

        A case that `cases.safetensors` leaves out is no failure. The prompted one without a saved voice to replay is:
        that file belongs to the snapshot.
        """
        rows = (self.lm_unprompted, self.lm_prompted_codes, self.lm_prompted_pt)
        errors = (
            (self.text_logits_max_error, LOGITS_WITHIN),
            (self.audio_logits_max_error, LOGITS_WITHIN),
            (self.mimi_pcm_max_error, PCM_WITHIN),
        )
        return (
            any(case is not None for case in (*rows, self.mimi_codes_equal))
            and all(case is None or case.equal == case.frames for case in rows)
            and (self.lm_prompted_codes is None) == (self.lm_prompted_pt is None)
            and all(error is None or error <= limit for error, limit in errors)
            and (self.mimi_codes_equal is None or self.mimi_codes_equal >= CODES_EQUAL)
        )

    def as_dict(self) -> dict[str, object]:
        """As `callbridge model verify --json` prints it."""
        return {**asdict(self), "ok": self.ok}


@dataclass(frozen=True)
class Replay:
    """What the model said to a recorded caller, greedily: tokens, and logits of the first steps that gave a row."""

    tokens: Tensor  # int64 [rows, 1 + codebooks]
    text_logits: Tensor  # float32 [steps, text_card]
    audio_logits: Tensor  # float32 [steps, codebooks, card]


def verify(directory: Path) -> Report:
    """Reproduce every case of a snapshot that carries `cases.safetensors`.

    Raises `config.PersonaPlexError` where files are missing, damaged or of other dimensions; a wrong result is not an
    error but a report.
    """
    require_files(directory, LM_FILE, MIMI_FILE, CASES_FILE)
    model, cases = load_model(directory), load_cases(directory)
    unprompted = prompted_codes = prompted_pt = text_error = audio_error = codes_equal = pcm_error = None
    if "unprompted.tokens" in cases:
        said = replay(model, None, cases["unprompted.caller_codes"])
        unprompted = _compare(said.tokens, cases["unprompted.tokens"])
        text_error = _max_error(said.text_logits, cases["unprompted.text_logits"])
        audio_error = _max_error(said.audio_logits, cases["unprompted.agent_audio_logits"])
    if "prompted.tokens" in cases:
        prompted_codes = _prompted(model, cases, VoiceCodes(cases["prompted.voice_codes"]))
        saved = directory / VOICES_DIR / f"{GOLDEN_VOICE}.pt"
        if saved.is_file():
            prompted_pt = _prompted(model, cases, load_voice(saved))
    if "mimi.codes" in cases:
        codes = cases["mimi.codes"]
        codes_equal = float((encode_signal(model.mimi, cases["mimi.pcm_in"]) == codes).float().mean())
        pcm_error = _max_error(decode_codes(model.mimi, codes), cases["mimi.pcm_out"])
    return Report(unprompted, prompted_codes, prompted_pt, text_error, audio_error, codes_equal, pcm_error)


def _prompted(model: Model, cases: dict[str, Tensor], voice: Voice) -> Rows:
    """The first recorded row is the prompt's own last frame; the caller's frame r − 1 gives row r."""
    prompt = lay_out(
        model.config.lm,
        model.config.prompt,
        voice,
        cases["prompted.text_prompt_tokens"].tolist(),
        model.silence,
        model.sine,
    )
    recorded = cases["prompted.tokens"]
    return _compare(replay(model, prompt, cases["prompted.caller_codes"][:, : len(recorded) - 1]).tokens, recorded)


def load_cases(directory: Path) -> dict[str, Tensor]:
    """The golden vectors of a snapshot. Raises `WeightsError` if the file is damaged or a case is there in part."""
    path = directory / CASES_FILE
    try:
        cases = load_file(path)
    except (OSError, SafetensorError) as error:
        raise WeightsError(f"{path} cannot be read as safetensors: {error}") from error
    for case, parts in _CASES.items():
        missing = [part for part in parts if f"{case}.{part}" not in cases]
        if 0 < len(missing) < len(parts):
            raise WeightsError(f"{path} has only a part of case `{case}`: it lacks {', '.join(missing)}")
    return cases


def replay(
    model: Model, prompt: Prompt | None, caller: Tensor, history: Tensor | None = None, keys: Keys = Keys.BF16
) -> Replay:
    """Let one slot hear recorded caller codes int64 [codebooks, T], greedily.

    With `history` int64 [rows, 1 + codebooks], it is made to say those tokens: the logits are then comparable
    between models that would go different ways.
    """
    lm = model.lm
    slots = Slots(lm, 1, keys=keys)
    slots.configure(0, seed=0, sampling=Sampling.greedy())
    run = torch.ones(1, dtype=torch.bool, device=lm.device)
    said: list[Tensor] = []
    logits: list[tuple[Tensor, Tensor]] = []

    def answer() -> None:
        heard: list[Tensor] = []
        text, forced = lm.text_logits(slots.hidden), None
        chosen = candidates(text, slots, noise(slots))[:, 0]
        if history is not None:
            chosen, forced = _recorded(history, slots, chosen)
        row, complete = speak(
            lm, slots, chosen, run, noise(slots), forced, watch=lambda _, logits: heard.append(logits[0])
        )
        if bool(complete[0]):
            said.append(row[0])
            logits.append((text[0], torch.stack(heard)))

    if prompt is not None:
        slots.place(0, prefill(lm, prompt))
        answer()
    for codes in caller.T.to(lm.device):
        listen(lm, slots, codes[None], run)
        answer()
    return Replay(torch.stack(said), torch.stack([t for t, _ in logits]), torch.stack([a for _, a in logits]))


def _recorded(history: Tensor, slots: Slots, chosen: Tensor) -> tuple[Tensor, Tensor]:
    """Text [1] and audio [1, codebooks] that the recorded rows put at the next position; free (−1) past their ends.

    Row r of an unprompted recording is frame r + 1.
    """
    ahead = int(slots.position[0]) + 1
    wanted = torch.full((1 + slots.config.codebooks,), -1)
    for row, delay in enumerate(slots.config.delays[: len(wanted)]):
        frame = ahead - delay
        if 1 <= frame <= len(history):
            wanted[row] = history[frame - 1, row]
    wanted = wanted.to(chosen.device)
    return torch.where(wanted[:1] >= 0, wanted[:1], chosen), wanted[None, 1:]


def _compare(said: Tensor, recorded: Tensor) -> Rows:
    said = said[: len(recorded)]
    same = (said == recorded[: len(said)]).all(dim=1)
    return Rows(frames=len(recorded), equal=int(same.sum()))


def _max_error(computed: Tensor, recorded: Tensor) -> float:
    """The recording may be shorter; if it is longer, nothing was computed for its end, and the error is infinite."""
    if len(computed) < len(recorded):
        return float("inf")
    return float((computed[: len(recorded)] - recorded).abs().max())
