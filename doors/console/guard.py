"""What every request passes first, and what every answer has: Host, origin, size, headers.

A page of another site can make a browser send requests here, with this console's cookies if it is of the same site
(another port of the same machine is), and a name of its own can be made to lead here. So the Host has to be one of
ours, and what changes anything has to come from our own pages, or from no browser at all.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from doors.console.console import Address

PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
MAIL_POLICY = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:"
"""Of what strangers wrote: no script, no form, nothing that has to be fetched, and an origin of its own."""
_HEADERS = (
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "same-origin"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Permissions-Policy", "camera=(), geolocation=(), microphone=()"),
    ("Cache-Control", "no-store"),
    ("Content-Security-Policy", PAGE_POLICY),
)
LARGEST_REQUEST = 256 * 1024 * 1024
"""Octets of a request's body, files and all."""
_MOST_READ = 4
"""How many times as much is read, to let whoever sends it come to its end and hear the answer."""
PROGRAMS = ("/rest", "/openapi", "/mcp")
"""Addresses of programs, which are told of errors in JSON."""
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_FOREIGN_SITES = frozenset({"cross-site", "same-site"})


class Guard:
    """An ASGI middleware around all of the application."""

    def __init__(self, app: ASGIApp, address: Address, largest: int) -> None:
        self._app = app
        self._address = address
        self._largest = largest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        octets = 0

        async def receive_so_much() -> Message:
            nonlocal octets
            message = await receive()
            octets += len(message.get("body", b""))
            if octets <= self._largest:
                return message
            while message.get("more_body", False) and octets <= self._largest * _MOST_READ:
                message = await receive()
                octets += len(message.get("body", b""))
            raise HTTPException(413, f"A request may have {self._largest >> 20} MiB; this one has more.")

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                answer = MutableHeaders(scope=message)
                for name, value in _HEADERS:
                    answer.setdefault(name, value)
                if self._address.is_secure:
                    answer.setdefault("Strict-Transport-Security", "max-age=31536000")
            await send(message)

        refusal = self._refusal(scope["method"], headers)
        app = _refused(scope["path"], refusal) if refusal else self._app
        await app(scope, receive_so_much, send_guarded)

    def _refusal(self, method: str, headers: Headers) -> str:
        """Why the request is not taken; "" if it is."""
        if headers.get("host", "").lower() not in self._address.hosts:
            return "This is not an address of this console."
        if method in _SAFE:
            return ""
        site, origin = headers.get("sec-fetch-site"), headers.get("origin")
        is_foreign = site in _FOREIGN_SITES or (
            site is None and origin is not None and not self._is_ours(origin)
        )
        return (
            "This request comes from another site; it was refused, and nothing was done."
            if is_foreign
            else ""
        )

    def _is_ours(self, origin: str) -> bool:
        try:
            parts = urlsplit(origin)
        except ValueError:
            return False
        return parts.scheme in ("http", "https") and parts.netloc.lower() in self._address.hosts


def _refused(path: str, text: str) -> Response:
    if path.startswith(PROGRAMS):
        return JSONResponse({"failed": True, "message": text}, 403)
    return PlainTextResponse(text, 403)
