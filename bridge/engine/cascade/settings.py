"""What the cascade engine is told at start, apart from personas."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class LlmSettings:
    """An OpenAI-compatible endpoint. `base_url` ends before `/chat/completions`, as in `http://127.0.0.1:8000/v1`."""

    base_url: str
    model_id: str = "default"
    api_key: str | None = field(default=None, repr=False)
    temperature: float = 0.3
    top_p: float = 0.9
    max_tokens: int = 200
