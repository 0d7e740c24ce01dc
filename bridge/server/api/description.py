"""What the API's description (OpenAPI) says of the API as a whole."""

from typing import Final

DESCRIPTION: Final = """\
Look at calls, listen in, talk, edit personas: what the console does, a program can do.

Send `Authorization: Bearer KEY` with a key of `callbridge keys create`. The scope that an address asks for stands
behind its security scheme. Everything at `/v1` is at `/api`, too, which is always the newest version. WebSockets are
not described here: see `docs/api.md`.
"""
