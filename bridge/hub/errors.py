"""What can go wrong between a hub and a disk, each with what to do about it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, Literal

from bridge.facts.errors import BridgeError
from bridge.hub.files import PAGE

TOKENS_PAGE: Final = "https://huggingface.co/settings/tokens"
_TOKEN: Final = re.compile(r"hf_[A-Za-z0-9]+")


Kind = Literal[
    "token_missing",
    "token_malformed",
    "token_rejected",
    "licence",
    "not_found",
    "rate_limit",
    "unreachable",
    "stalled",
    "no_room",
    "damaged",
    "package",
    "other",
]
"""For programs that tell people in words of their own."""


class HubError(BridgeError):
    """The model's files cannot be had: what was wrong, where, and what to do next; and which `kind` of reason it is."""

    kind: Kind = "other"

    def __init__(self, message: str, kind: Kind | None = None) -> None:
        """Without a `kind` it is that of the class."""
        super().__init__(message)
        self.kind = kind or self.kind


class UnreachableError(HubError):
    """The hub does not answer at the moment. Worth another attempt."""

    kind = "unreachable"


class NoSuchFileError(HubError):
    """The repository is there, the file in it is not."""

    kind = "not_found"


def check_token(token: str | None) -> None:
    """Raise `HubError` if the token cannot be one. The token itself is never part of a message."""
    if token is not None and not _TOKEN.fullmatch(token):
        raise HubError(
            f"HF_TOKEN is malformed: a token begins with hf_ and goes on with letters and digits, and this one, of "
            f"{len(token)} characters, does not. Copy it again from {TOKENS_PAGE}, without quotes or spaces.",
            "token_malformed",
        )


def refusal(status: int, headers: Mapping[str, str], *, what: str, repo: str, with_token: bool) -> HubError:
    """The error that an HTTP status of 400 or more stands for.

    `headers` are looked up by small letters; `what` names the file in question. The hub says in `x-error-code` which
    of the reasons for a 404 it is: https://huggingface.co/docs/huggingface_hub/package_reference/utilities#errors
    """
    code = headers.get("x-error-code")
    match status:
        case 401 if not with_token:
            return HubError(
                f"HF_TOKEN is missing: {repo} is given to those who have accepted its licence. Accept it at {PAGE}, "
                f"make a token of type Read at {TOKENS_PAGE}, and put HF_TOKEN=hf_… into .env or the environment.",
                "token_missing",
            )
        case 401:
            return HubError(
                f"the hub rejects HF_TOKEN (401): it was revoked, has expired, or was not copied whole. Make a new "
                f"token of type Read at {TOKENS_PAGE} and put it into .env or the environment.",
                "token_rejected",
            )
        case 403:
            return HubError(
                f"the hub knows HF_TOKEN but does not give {what} to its owner (403). Most often the licence has not "
                f"been accepted: open {PAGE}, signed in as the token's owner, and accept it. A fine-grained token also "
                f"needs the permission to read public gated repositories ({TOKENS_PAGE}).",
                "licence",
            )
        case 404 if code == "RevisionNotFound":
            return HubError(f"{repo} has no such revision (404). Leave out --revision to get the newest.", "not_found")
        case 404 if code == "EntryNotFound":
            return NoSuchFileError(f"{repo} has no file {what} at this revision (404). Try another --revision.")
        case 404:
            return HubError(
                f"the hub has no repository {repo} (404), or hides it from this token. Where HF_ENDPOINT is set, make "
                "sure that it is a hub which has the model.",
                "not_found",
            )
        case 429:
            return HubError(
                f"the hub's rate limit is reached (429). Wait {_wait(headers)} and run the command again; what has "
                "been downloaded is kept." + ("" if with_token else " With HF_TOKEN set the limit is higher."),
                "rate_limit",
            )
        case _ if status >= 500:
            return UnreachableError(
                f"the hub has trouble: it answered {status} for {what}. Try again later; what has been downloaded is "
                "kept. https://status.huggingface.co tells how it is."
            )
    return HubError(f"the hub answered {status} for {what}. Is there a proxy on the way, or is HF_ENDPOINT set?")


def unreachable(host: str, why: str) -> UnreachableError:
    """There is no connection to `host`."""
    return UnreachableError(
        f"{host} cannot be reached ({why}). Check the network, the proxy (HTTPS_PROXY) and HF_ENDPOINT if it is set, "
        "and run the command again; what has been downloaded is kept."
    )


def _wait(headers: Mapping[str, str]) -> str:
    """How long to wait: `Retry-After` (RFC 9110, 10.2.3), or t of the hub's `RateLimit: …;r=0;t=55`."""
    after = headers.get("retry-after", "")
    if after.isascii() and after.isdigit():
        return f"{after} s"
    reset = re.search(r";\s*t=(\d{1,6})", headers.get("ratelimit", ""))
    return f"{reset[1]} s" if reset else "five minutes"
