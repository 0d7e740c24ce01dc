"""What the hub has: each file's size, hash and present address, asked of the official client.

Only the questions go through `huggingface_hub`; the bytes are fetched by `bridge.hub.fetch`. Since version 2 that
client throws away what it has when a download is interrupted, and here that can be 16 GB.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from huggingface_hub import constants, get_hf_file_metadata, hf_hub_url
from huggingface_hub.errors import (  # type: ignore[attr-defined]
    FileMetadataError,
    HfHubHTTPError,
    HFValidationError,
    HTTPError,  # of whichever HTTP library this version of the client uses
    OfflineModeIsEnabled,
)

from bridge.hub.errors import HubError, NoSuchFileError, check_token, refusal, unreachable

ASK_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file at one commit. `etag` is its sha256, or the git blob's sha1 for small files that are not in LFS.

    `url` may be signed and then expires: ask again before each attempt. `headers` go with the request for it.
    """

    name: str
    size: int
    etag: str
    commit: str
    url: str = field(repr=False)
    headers: dict[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Hub:
    """A repository on a hub. Without `endpoint` it is HF_ENDPOINT, or huggingface.co."""

    repo: str
    token: str | None = field(default=None, repr=False)
    endpoint: str | None = None

    def __post_init__(self) -> None:
        """Refuse a token that cannot be one before it goes anywhere."""
        check_token(self.token)

    @property
    def host(self) -> str:
        """Whom we talk to."""
        return urlsplit(self.endpoint or constants.ENDPOINT).netloc

    def ask(self, name: str, revision: str | None = None) -> RemoteFile:
        """Size, hash and address of one file. Raises `HubError`; of kind `UnreachableError` if it may work later."""
        with self._told(name):
            url = hf_hub_url(self.repo, name, revision=revision, endpoint=self.endpoint)
            # False, not None: a token that lies somewhere on this machine is not sent unasked.
            found = get_hf_file_metadata(url, token=self.token or False, timeout=ASK_SECONDS, endpoint=self.endpoint)
        if found.size is None or not found.etag or not found.commit_hash:
            raise HubError(
                f"{self.host} does not tell size, hash and commit of {name}: it is not a hub, or not a whole one."
            )
        same_origin = urlsplit(found.location)[:2] == urlsplit(url)[:2]
        # A file's bytes lie on other servers, which must not see the token.
        headers = {"Authorization": f"Bearer {self.token}"} if self.token and same_origin else {}
        return RemoteFile(name, found.size, found.etag, found.commit_hash, found.location, headers)

    def find(self, name: str, revision: str) -> RemoteFile | None:
        """The same; None where the repository has no such file."""
        try:
            return self.ask(name, revision)
        except NoSuchFileError:
            return None

    def refusal(self, status: int, headers: dict[str, str], what: str) -> HubError:
        """The error for an HTTP status that the hub, or a server that it names, has answered with."""
        return refusal(status, headers, what=what, repo=self.repo, with_token=self.token is not None)

    @contextmanager
    def _told(self, what: str) -> Iterator[None]:
        """Errors of the client in our words."""
        try:
            yield
        except HfHubHTTPError as error:
            headers = {name.lower(): value for name, value in error.response.headers.items()}
            raise self.refusal(error.response.status_code, headers, what) from None
        except OfflineModeIsEnabled:
            raise HubError("HF_HUB_OFFLINE is set, so nothing can be downloaded. Unset it and try again.") from None
        except (FileMetadataError, HFValidationError) as error:
            raise HubError(f"{self.host} gives no sensible answer for {what}: {error}") from None
        except (HTTPError, OSError) as error:
            raise unreachable(self.host, type(error).__name__) from None
