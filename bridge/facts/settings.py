"""Every setting of the bridge in one table: name, default, meaning.

Settings are read once, by the command line, from the environment and from a `.env` file; the rest of the
program is handed values. The name of an environment variable is the field's name in capitals.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, AliasChoices, BeforeValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from bridge.facts.errors import SettingsError

MAX_DAYS: Final = 36_500
"""A hundred years: longer is for ever, and beyond what dates can be counted back."""

EngineName = Literal["cascade", "echo", "personaplex"]


def _none_if_blank(value: Any) -> Any:
    """An `.env` line such as `API_KEY=` means: not set."""
    return None if isinstance(value, str) and not value.strip() else value


def _web_address(value: str | None) -> str | None:
    """An http or https address that paths can be put behind, without a slash at its end."""
    if value is None:
        return None
    try:
        parts = urlsplit(value)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0 and not parts.username
    except ValueError:  # a port that is no number, a broken IPv6 address
        good = False
    if not good or any(char in "?#" or char.isspace() for char in value):
        raise ValueError(f"{value!r} must be an address such as https://bridge.example.com, without a query")
    return value.rstrip("/")


OptionalSecret = Annotated[SecretStr | None, BeforeValidator(_none_if_blank)]
OptionalAddress = Annotated[str | None, AfterValidator(_web_address), BeforeValidator(_none_if_blank)]
OptionalText = Annotated[str | None, BeforeValidator(_none_if_blank)]
OptionalDays = Annotated[Annotated[int, Field(ge=1, le=MAX_DAYS)] | None, BeforeValidator(_none_if_blank)]
OptionalCount = Annotated[Annotated[int, Field(ge=1, le=4096)] | None, BeforeValidator(_none_if_blank)]
OptionalRate = Annotated[
    Annotated[str, Field(pattern=r"^[1-9][0-9]{0,8}/(second|minute|hour)$")] | None, BeforeValidator(_none_if_blank)
]


class Settings(BaseSettings):
    """The table. `description` is the help text that `callbridge settings` and `.env.example` show."""

    model_config = SettingsConfigDict(env_file=".env", env_file_encoding="utf-8", extra="forbid", frozen=True)

    # -- where the server listens, and how the world reaches it
    host: str = Field("127.0.0.1", description="Address to listen on. 0.0.0.0 listens on every interface.")
    port: int = Field(8080, ge=0, le=65535, description="Port to listen on. 0 picks a free one.")
    public_url: OptionalAddress = Field(
        None, description="The https:// address under which Twilio reaches this server; signatures are made over it."
    )
    waiting_connections: int = Field(
        256, ge=1, le=65535, description="Connections at once that have shown no whole request yet; more get a 503."
    )

    # -- the engine
    engine: EngineName = Field("cascade", description="cascade (CPU), echo (tests) or personaplex (GPU).")
    slots: OptionalCount = Field(None, description="Calls at once. Empty: what the engine thinks this machine holds.")
    calls_per_caller: OptionalCount = Field(
        5, description="Calls at once from one number; a further one hears that lines are busy. Empty: no limit."
    )
    watchdog_seconds: float = Field(
        15.0, ge=1, le=600, description="An engine process silent for this long is replaced."
    )

    reseat_seconds: float = Field(
        60.0,
        ge=0,
        le=600,
        description="A call whose engine process was lost waits so long for the new one. 0 ends it at once.",
    )

    queue_length: int = Field(
        50, ge=0, le=1000, description="Callers on hold at once, where a persona's `when_full` says hold."
    )

    # -- personas
    personas_dir: Path = Field(Path("personas"), description="Folder of the persona files, one business each.")
    default_persona: OptionalText = Field(
        None, description="Who answers a number that no persona lists. Empty: such calls are turned away."
    )

    # -- the record of calls
    data_dir: Path = Field(Path("data"), description="Folder for transcripts, recordings and the call index.")
    database_url: OptionalText = Field(None, description="SQLAlchemy URL of the call index. Empty: SQLite in DATA_DIR.")
    record: bool = Field(False, description="1 keeps a stereo recording of each call.")
    retention_days: OptionalDays = Field(
        None, description="Calls are deleted after so many days: transcript, recording, row. Empty: never."
    )
    recording_retention_days: OptionalDays = Field(
        None, description="Recordings are deleted after so many days. Empty: with their transcripts."
    )
    redact: bool = Field(False, description="1 masks card and phone numbers in transcripts.")

    # -- Twilio
    twilio_account_sid: OptionalText = Field(None, description="Account SID, beginning with AC.")
    twilio_auth_token: OptionalSecret = Field(
        None, description="Auth token. When set, every request from Twilio must carry a valid signature."
    )
    twilio_api_url: OptionalAddress = Field(
        None, description="Address of Twilio's REST API, for a proxy or a stand-in. Empty: https://api.twilio.com."
    )
    stream_token_seconds: float = Field(
        60.0, gt=0, le=3600, description="How long the address of a call's stream stays valid before its first use."
    )
    insecure: bool = Field(
        False, description="1 lets a server without an auth token listen beyond loopback. Anyone may then place calls."
    )

    # -- SIP, by way of Asterisk
    sip_password: OptionalSecret = Field(
        None,
        description="Password with which Asterisk hands calls over. Empty: a new one is written to DATA_DIR/sip.key.",
    )
    sip_file: Path = Field(Path("sip.yaml"), description="Who may call over SIP; `callbridge sip new` writes one.")
    sip_ari_port: int = Field(
        8088, ge=1, le=65535, description="Port on loopback where Asterisk is told to call somebody."
    )
    sip_allow: str = Field(
        "127.0.0.0/8,::1/128", description="Networks from which Asterisk may come, separated by commas."
    )

    # -- the HTTP API
    api_key: OptionalSecret = Field(
        None, description="Key for the HTTP API. Empty: a new one is written to DATA_DIR/api.key."
    )
    loopback_without_key: bool = Field(
        False,
        description="1 lets programs and browsers of this machine use the HTTP API and the console without a key.",
    )
    chat_without_key: bool = Field(
        False,
        description="1 lets anyone who reaches this server talk over WS /api/chat without a key: the public clients of "
        "that address can show none.",
    )
    enforce_persona: OptionalText = Field(
        None,
        description="The persona that answers over WS /api/chat, WS /ws/conversation and POST /v1/audio/speech, "
        "whatever clients ask for. Empty: theirs.",
    )
    rate_limit: OptionalRate = Field(
        "1200/minute", description="Requests of one key to the HTTP API, per second, minute or hour. Empty: no limit."
    )
    wrong_key_limit: OptionalRate = Field(
        "30/minute", description="Wrong keys from one address; with more, right ones have to wait too. Empty: no limit."
    )

    # -- telling another system of calls
    webhook_url: OptionalText = Field(
        None, description="Where the end of each call is told, as signed JSON, such as https://crm.example.com/calls."
    )
    webhook_secret: OptionalSecret = Field(
        None, description="Secret of at least 16 characters that WEBHOOK_URL's messages are signed with."
    )
    webhook_verdicts: bool = Field(False, description="1 tells WEBHOOK_URL of each verdict of the gate as it falls.")

    # -- a language model for the cascade engine (any OpenAI-compatible endpoint)
    llm_base_url: OptionalText = Field(
        None,
        description="Such as http://127.0.0.1:8000/v1. It answers callers, and sums calls up. "
        "Empty: answers come from the persona's facts.",
    )
    model_id: str = Field("default", description="Name of the model at LLM_BASE_URL.")
    llm_api_key: OptionalSecret = Field(None, description="Key for LLM_BASE_URL, if it asks for one.")
    llm_temperature: float = Field(0.3, ge=0, le=2, description="Sampling temperature.")
    llm_top_p: float = Field(0.9, gt=0, le=1, description="Nucleus sampling.")
    llm_max_tokens: int = Field(200, ge=1, le=4096, description="Longest answer in tokens.")

    # -- the PersonaPlex engine
    model_dir: Path = Field(
        Path("models/personaplex-7b-v1"), description="Folder of the downloaded PersonaPlex weights."
    )
    hf_token: OptionalSecret = Field(
        None,
        description="Hugging Face token of type Read, for `callbridge model download`.",
        validation_alias=AliasChoices("hf_token", "HF_TOKEN"),
    )
    weights: Literal["bf16", "int8", "fp8"] = Field("bf16", description="How the temporal weights are held.")
    kv: Literal["bf16", "fp8"] = Field(
        "bf16", description="How calls are remembered: fp8 takes half the memory, and more time."
    )
    cuda_graphs: bool = Field(
        True, description="0 launches each operation of a step by itself, several times slower: to look for faults."
    )
    device: str = Field("auto", description="cuda, cuda:1, cpu; auto takes the first GPU and otherwise the CPU.")
    custom_voice_dir: Path = Field(Path("voices"), description="Folder of voices made by `callbridge voices add`.")
    closing_tag: bool = Field(False, description="1 ends the prompt with </system> instead of the trained <system>.")
    caller_transcript: bool = Field(True, description="0 leaves the caller's side out of transcripts.")

    # -- running
    drain_seconds: float = Field(
        600.0, ge=0, description="How long running calls may go on after the first Ctrl-C or SIGTERM."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="How much is logged.")

    @property
    def database(self) -> str:
        """The call index as an SQLAlchemy URL."""
        return self.database_url or f"sqlite:///{self.data_dir / 'calls.db'}"


def load_settings(**overrides: Any) -> Settings:
    """Read the environment and `.env`; `overrides` (from command-line options) win. Errors name each setting."""
    given = {name: value for name, value in overrides.items() if value is not None}
    try:
        return Settings(**given)
    except ValidationError as error:
        raise SettingsError(_explain(error)) from None


def _explain(error: ValidationError) -> str:
    lines = ["Some settings (environment or .env) cannot be used:"]
    for problem in error.errors(include_url=False, include_input=False):
        name = ".".join(str(part) for part in problem["loc"]).upper()
        if problem["type"] == "extra_forbidden":
            lines.append(f"  {name}: no such setting; see .env.example for those there are")
        else:
            lines.append(f"  {name}: {problem['msg'].removeprefix('Value error, ')}")
    return "\n".join(lines)
