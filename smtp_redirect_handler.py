"""Where a browser comes back to after a sign-in on the platform: the manifest's `rest_handler`.

The platform calls `handle_request` in its web server's process, while test connectivity waits in another one. The
two meet in a file beside this module: it holds a hash of the sign-in's `state` until the browser brings that
state, and then what the browser brought. The token is asked for by the run that waits. Neither the client's
secret nor the PKCE verifier comes here, and without them the code is of no use to anybody.

Nothing of the app is imported: in that process a module called `auth` or `host` may be somebody else's.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any
from urllib.parse import urlencode

FOLDER = Path(__file__).resolve().parent
MAX_QUERY = 64 * 1024
"""Octets: more than any provider sends, and an end to what a stranger can leave here."""

_DONE = "You are signed in as far as this page can tell. Close it, and see what test connectivity says."
_REFUSED = "The provider did not let you sign in. Close this page; test connectivity says why."
_NOT_OURS = (
    "This sign-in was not begun here, was used already, or took too long. Run test connectivity again."
)
_LOST = "You are signed in, but test connectivity could not be told. Run it again."


class Handover:
    """One asset's sign-in: where the run that waits for the browser and the web server's process meet.

    Raises `ValueError` for an asset id that isn't made of ASCII letters and digits: it becomes a file's name.
    """

    def __init__(self, asset_id: str) -> None:
        if not (asset_id.isascii() and asset_id.isalnum()):
            raise ValueError("An asset's id is made of letters and digits.")
        self._path = FOLDER / f"{asset_id}_state.json"

    def expect(self, state: str, seconds: float) -> None:
        """Wait for the browser to bring `state`, which it can do once, within `seconds`."""
        self._write({"state": _digest(state), "expires_at": time.time() + seconds})

    def give(self, state: str, query: str) -> bool:
        """Hand over what the browser brought; False when nobody waits for this `state`, or not any more."""
        expected = self._read()
        until = expected.get("expires_at")
        if not hmac.compare_digest(str(expected.get("state")).encode(), _digest(state).encode()):
            return False
        if not isinstance(until, int | float) or time.time() > until or len(query) > MAX_QUERY:
            return False
        self._write({"query": query})
        return True

    def take(self) -> str | None:
        """What the browser brought, None as long as it has not come."""
        query = self._read().get("query")
        return query if isinstance(query, str) else None

    def end(self) -> None:
        """Wait no longer; leaves nothing behind."""
        self._path.unlink(missing_ok=True)

    def _read(self) -> dict[str, Any]:
        try:
            content = json.loads(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return content if isinstance(content, dict) else {}

    def _write(self, content: Mapping[str, object]) -> None:
        """Whole or not at all, and readable by nobody but the platform's own user."""
        with NamedTemporaryFile("w", dir=self._path.parent, suffix=".part", delete=False) as file:
            unfinished = Path(file.name)
            try:
                json.dump(content, file)
                file.flush()
                unfinished.replace(self._path)
            except BaseException:
                unfinished.unlink(missing_ok=True)
                raise


def handle_request(request: Any, path_parts: object) -> Any:  # noqa: ARG001 - the platform's signature
    """The page for a browser that a provider has sent back; `request` is Django's.

    Nothing of the request is ever shown on it: anybody can make somebody else open this address.
    """
    # The run that waits for the browser does without Django.
    from django.http import HttpResponse  # type: ignore[import-untyped]  # no stubs

    status, text = _answer(request.GET)
    return HttpResponse(text, status=status, content_type="text/plain")


def _answer(fields: Any) -> tuple[int, str]:
    state = str(fields.get("state") or "")
    # A field that is there twice is handed over twice: the run that waits refuses such an answer.
    pairs = list(fields.lists() if hasattr(fields, "lists") else fields.items())
    try:
        handover = Handover(state.partition(":")[0])
        if not handover.give(state, urlencode(pairs, doseq=True, errors="replace")):
            return 400, _NOT_OURS
    except ValueError:
        return 400, _NOT_OURS
    except OSError:
        return 500, _LOST
    return (401, _REFUSED) if fields.get("error") else (200, _DONE)


def _digest(state: str) -> str:
    return hashlib.sha256(state.encode("utf-8", "replace")).hexdigest()
