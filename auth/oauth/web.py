"""Talking to a token endpoint that may be slow, broken or hostile: https, no redirects, bounded in size and time."""

from __future__ import annotations

import io
import json
import ssl
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter

from auth.errors import AuthError, Step
from auth.oauth.endpoints import is_metadata, require_https
from auth.oauth.token import lifetime
from auth.settings import Login
from smtp import pem
from smtp.errors import Category
from smtp.text import showable

MAX_ANSWER = 1024 * 1024
"""Octets of an answer."""
MAX_WAIT = 60.0
"""Seconds for a whole request, from looking the name up to the last octet."""
MAX_RETRY_AFTER = 3_600
_CHUNK = 16 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """`connect` and `total` are seconds; `ca_bundle` a PEM file or text with authorities to trust as well."""

    connect: float
    total: float
    ca_bundle: str


def limits_of(login: Login) -> Limits:
    return Limits(login.connection_timeout, login.read_timeout, login.ca_bundle)


class BoundedSession(requests.Session):
    """A requests session whose answers are JSON objects, or an `AuthError`. The environment's proxies apply.

    Only answers of 2xx and 4xx come back to the caller; their lifetimes are whole numbers by then, because
    neither MSAL nor Authlib expects what providers send there.
    """

    limits: Limits
    asks_this_machine = False
    """Whether it may ask the machine's own metadata service, the one exception from https."""

    def use(self, limits: Limits) -> None:
        """Take `limits` for every request from here on."""
        self.limits = limits
        self.mount("https://", _Adapter(trusting(limits.ca_bundle)))

    def prepare_request(self, request: requests.Request) -> requests.PreparedRequest:
        """Raise `AuthError` for an address, a header or a login that can't be sent: the library's errors quote them."""
        try:
            return super().prepare_request(request)
        except (requests.exceptions.RequestException, ValueError) as exc:
            raise AuthError(
                f"The token request could not be made ({type(exc).__name__}).",
                step=Step.TOKEN,
                category=Category.CONFIGURATION,
                hint="Check the address of the token endpoint, and what is sent along: headers, client id and secret.",
            ) from None

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        url = request.url or ""
        if not (self.asks_this_machine and is_metadata(url)):
            require_https(url, "the token endpoint")
        host = urlsplit(url).hostname or ""
        request.headers["Accept-Encoding"] = "identity"  # what is sent packed could be of any size unpacked
        # The deadline has to hold for all of it, name resolution and a header that drips in included. No timeout
        # of a socket does that, so another thread does the waiting, and is left behind if it takes too long.
        total = min(self.limits.total, MAX_WAIT)
        kwargs |= {
            "allow_redirects": False,
            "stream": True,
            "timeout": (min(self.limits.connect, total), total),
        }
        response, body = _Fetch(self, request, kwargs).run_for(total, host)
        answer = _checked(response, body, host)
        if not answer.get("error") and answer.get("access_token"):
            answer.pop("error", None)  # some send an empty one with every token
        for name in ("expires_in", "ext_expires_in"):
            if name in answer:
                answer[name] = lifetime(answer[name])
        answer.pop("refresh_in", None)  # when to refresh is decided here
        return _rewritten(response, answer)


class _Fetch(threading.Thread):
    """One request and its body, read in a thread of its own."""

    def __init__(
        self, session: BoundedSession, request: requests.PreparedRequest, options: dict[str, Any]
    ) -> None:
        super().__init__(daemon=True, name="token request")
        self._session = session
        self._request = request
        self._options = options
        self._abandoned = threading.Event()
        self._response: requests.Response | None = None
        self._body = bytearray()
        self._failure: Exception | None = None

    def run(self) -> None:
        try:
            self._response = requests.Session.send(self._session, self._request, **self._options)
            if self._response.headers.get("Content-Encoding", "identity") != "identity":
                return  # packed although nobody asked for that; an empty answer is refused
            with self._response:
                for chunk in self._response.iter_content(_CHUNK):
                    self._body += chunk
                    if len(self._body) > MAX_ANSWER or self._abandoned.is_set():
                        break
        except Exception as exc:  # noqa: BLE001 - raised again in the thread that waits
            self._failure = exc

    def run_for(self, total: float, host: str) -> tuple[requests.Response, bytes]:
        """Make the request, wait at most `total` seconds, and return the answer. Raises `AuthError`."""
        self.start()
        self.join(total)
        if self.is_alive():
            self._abandoned.set()
            raise _network(f"{host} did not answer the token request within {total:g} s.")
        if self._failure is not None:
            raise _translated(self._failure, host) from self._failure
        if self._response is None:
            raise _network(f"{host} gave no answer to the token request.")
        if len(self._body) > MAX_ANSWER:
            raise _broken(f"The answer of {host} to the token request is larger than {MAX_ANSWER} octets.")
        return self._response, bytes(self._body)


class _Adapter(HTTPAdapter):
    """An adapter that trusts what `context` trusts, besides requests' own authorities."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, ssl_context=self._context, **kwargs)

    def proxy_manager_for(self, proxy: Any, **kwargs: Any) -> Any:
        return super().proxy_manager_for(proxy, ssl_context=self._context, **kwargs)


def trusting(ca_bundle: str) -> ssl.SSLContext:
    """A context for the token endpoint, which the authorities in `ca_bundle` may vouch for besides the public ones."""
    context = ssl.create_default_context()
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT  # as for the mail server: see smtp/tls.py
    if ca_bundle:
        try:
            context.load_verify_locations(cadata=pem.authorities(ca_bundle))
        except (ssl.SSLError, pem.NotPem) as exc:
            reason = str(exc) if isinstance(exc, pem.NotPem) else "its certificates can't be read"
            raise AuthError(
                f"The asset's ca_bundle can't be used for the token endpoint: {reason}.",
                step=Step.TOKEN,
                category=Category.CONFIGURATION,
                hint="Give ca_bundle a PEM file, or the PEM text itself.",
            ) from exc
    return context


def _rewritten(response: requests.Response, answer: Mapping[str, Any]) -> requests.Response:
    """A response like `response` whose body is `answer`."""
    rewritten = requests.Response()
    rewritten.status_code = response.status_code
    rewritten.url = response.url
    rewritten.headers = response.headers
    rewritten.encoding = "utf-8"
    rewritten.raw = io.BytesIO(json.dumps(answer).encode())
    return rewritten


def _checked(response: requests.Response, body: bytes, host: str) -> dict[str, Any]:
    """The JSON object of an answer that the caller can go on with."""
    status = response.status_code
    if 300 <= status < 400:
        raise AuthError(
            f"{host} answered the token request with a redirect, which is not followed.",
            step=Step.TOKEN,
            category=Category.SECURITY,
            hint="Check token_url: it has to be the token endpoint itself.",
        )
    if status == 429 or status >= 500:
        raise AuthError(
            f"{host} can't answer token requests now (HTTP {status}).",
            step=Step.TOKEN,
            category=Category.TEMPORARY,
            retryable=True,
            hint="Try again later.",
            retry_after=_retry_after(response.headers),
        )
    try:
        # Of a text in another character set the names and codes, which are ASCII, can be read all the same.
        answer = json.loads(body.decode(json.detect_encoding(body), "replace"))
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict):
        raise _broken(f"{host} did not answer the token request with a JSON object (HTTP {status}).")
    return answer


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds, from either form of the field (RFC 9110 section 10.2.3); None for what is neither."""
    value = headers.get("Retry-After", "").strip()
    if value.isascii() and value.isdigit():
        return float(min(int(value[:9]), MAX_RETRY_AFTER))
    try:
        seconds = parsedate_to_datetime(value).timestamp() - time.time()
    except (ValueError, TypeError, OverflowError):
        return None
    return float(min(round(seconds), MAX_RETRY_AFTER)) if seconds > 0 else None


_REASONS = MappingProxyType(
    {
        requests.exceptions.ProxyError: "the proxy does not let the request through",
        requests.exceptions.ConnectTimeout: "it can't be reached in time",
        requests.exceptions.Timeout: "it fell silent",
        requests.exceptions.InvalidURL: "the URL is not valid",
        requests.exceptions.ConnectionError: "it can't be reached, or closed the connection",
    }
)


def _translated(failure: Exception, host: str) -> AuthError:
    """A foreign exception as ours. Its text stays behind: it may quote the request."""
    if isinstance(failure, AuthError):
        return failure
    if isinstance(failure, requests.exceptions.SSLError):
        return AuthError(
            f"No trusted TLS connection to {host} for the token request{_certificate_fault(failure)}.",
            step=Step.TOKEN,
            category=Category.CONFIGURATION,
            hint="If the provider, or a proxy in between, has a private authority, add it in ca_bundle.",
        )
    for kind, reason in _REASONS.items():
        if isinstance(failure, kind):
            return _network(f"The token request to {host} failed: {reason}.")
    return _broken(f"The token request to {host} failed: {type(failure).__name__}.")


def _certificate_fault(failure: BaseException) -> str:
    """What OpenSSL found wrong with a certificate, however deep requests has wrapped it."""
    inner: BaseException | None = failure
    for _ in range(8):
        if isinstance(inner, ssl.SSLCertVerificationError):
            return f": {showable(inner.verify_message)}"
        if inner is None:
            break
        reason = getattr(inner, "reason", None)
        inner = inner.__cause__ or inner.__context__ or (reason if isinstance(reason, Exception) else None)
    return ""


def _network(text: str) -> AuthError:
    return AuthError(
        text,
        step=Step.TOKEN,
        category=Category.NETWORK,
        retryable=True,
        hint="Check token_url, the network and the proxy settings, and try again.",
    )


def _broken(text: str) -> AuthError:
    return AuthError(
        text,
        step=Step.TOKEN,
        category=Category.PROTOCOL,
        hint="Check that token_url is the provider's token endpoint.",
    )
