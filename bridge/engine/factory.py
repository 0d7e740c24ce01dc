"""From an engine's name to the engine. Imports happen here, so that no process loads an engine it does not run."""

from __future__ import annotations

from bridge.engine.interface import Engine
from bridge.engine.messages import Configure
from bridge.facts.errors import EngineError

_PERSONAPLEX_EXTRA = ("torch", "safetensors", "sentencepiece")


def build(configuration: Configure) -> Engine:
    """Load the engine that `configuration` names. May take a while; raises `EngineError` in words."""
    match configuration.engine:
        case "echo":
            from bridge.engine.echo.engine import DEFAULT_SLOTS, EchoEngine

            return EchoEngine(configuration.slots or DEFAULT_SLOTS)
        case "cascade":
            from bridge.engine.cascade.engine import CascadeEngine
            from bridge.engine.llm import LlmSettings

            llm = LlmSettings(
                base_url=configuration.llm_base_url,
                model_id=configuration.llm_model,
                api_key=configuration.llm_api_key or None,
                temperature=configuration.llm_temperature,
                top_p=configuration.llm_top_p,
                max_tokens=configuration.llm_max_tokens,
            )
            return CascadeEngine(configuration.slots or None, llm if llm.base_url else None)
        case "personaplex":
            return _personaplex(configuration)
        case unknown:
            raise EngineError(f"there is no engine called {unknown!r}; there are cascade, echo and personaplex")


def _personaplex(configuration: Configure) -> Engine:
    try:
        from bridge.engine.personaplex.loading import load_engine
    except ModuleNotFoundError as error:
        if error.name not in _PERSONAPLEX_EXTRA:
            raise
        raise EngineError(
            f"the package {error.name} is not installed, and the personaplex engine needs it. Install it with "
            "`pip install 'callbridge[personaplex]'`."
        ) from None
    return load_engine(configuration)
