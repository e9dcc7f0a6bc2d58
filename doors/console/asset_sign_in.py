"""A person's sign-in of an asset that a run waits for, with the browser sent back to the console's own address.

The link that the run shows leads to a page of the console, which gives the browser a cookie and sends it on to the
provider. Only a browser with that cookie can bring the answer: a link that somebody else was talked into opening
signs in nobody.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable
from urllib.parse import urlsplit

from auth.oauth.query import Awaited, brings, parsed

CALLBACK = "/oauth/callback"


class AssetSignIn:
    """An `auth.settings.Redirect`. `base` is the console's address, `run` the number of the run that waits."""

    def __init__(self, base: str, run: int, state: str, seconds: float) -> None:
        self.uri = f"{base}{CALLBACK}"
        self.run = run
        self.link = ""
        """The provider's page; "" before it is known."""
        self._page = f"{base}/runs/{run}/sign-in"
        self._state = state
        self._cookie = ""
        self._answer = Awaited(seconds)

    def told(self, text: str) -> str:
        """The text with the console's page where the provider's link was."""
        for word in text.split():
            if word.startswith(("https://", "http://")) and self.is_of(urlsplit(word).query):
                self.link = word
                return text.replace(word, self._page)
        return text

    def is_of(self, query: str) -> bool:
        """Whether this query has the state of this sign-in."""
        return brings(parsed(query), self._state)

    def begin(self) -> str:
        """What the browser that goes to the provider now is to hold; one that went before is known no more."""
        self._cookie = secrets.token_urlsafe(32)
        return self._cookie

    def take(self, query: str, cookie: str) -> bool:
        """Take the answer that a browser brings; False unless it is the one that was sent, and for the first time."""
        if not self._cookie or not hmac.compare_digest(self._cookie.encode(), cookie.encode()):
            return False
        return self._answer.put(query)

    def wait(self, cancelled: Callable[[], bool]) -> str | None:
        """The query; None when time is up or somebody cancelled."""
        return self._answer.wait(cancelled)
