"""Where the browser comes back to when it runs on this machine: a page on the loopback interface (RFC 8252)."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

from auth.errors import AuthError, Step
from auth.oauth.query import Awaited, brings, parsed
from smtp.errors import Category

PORT_VARIABLE = "SMTP_CONNECTOR_REDIRECT_PORT"
"""For providers that insist on a redirect URI that was registered with its port."""

_DONE = "You are signed in as far as this page can tell. Close it, and see what the connector says."
_FAILED = "The sign-in did not work. Close this page, and see what the connector says."
_NOT_OURS = "This sign-in was not begun here, was used already, or took too long. Begin again."
_POLL = 0.1


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: a browser that goes away would leave a traceback on the terminal."""


class LocalRedirect:
    """Listens on 127.0.0.1 while it is entered, for the first query that brings `state`. `port` 0 is any free one."""

    def __init__(self, state: str, seconds: float, port: int | None = None) -> None:
        self._state = state
        self._port = _configured_port() if port is None else port
        self._answer = Awaited(seconds)

    def __enter__(self) -> Self:
        try:
            self._server = _Server(("127.0.0.1", self._port), self._handler())
        except OSError as exc:
            raise AuthError(
                f"Port {self._port} of this machine can't be listened on for the sign-in: {exc.strerror}.",
                step=Step.SIGN_IN,
                category=Category.CONFIGURATION,
                hint=f"Choose another port in {PORT_VARIABLE}, or leave it out.",
            ) from exc
        threading.Thread(target=self._server.serve_forever, args=(_POLL,), daemon=True).start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def uri(self) -> str:
        # Not 127.0.0.1, as RFC 8252 section 7.3 has it: Microsoft lets the port differ for this name only.
        return f"http://localhost:{self._server.server_port}/"

    def wait(self, cancelled: Callable[[], bool]) -> str | None:
        """The query; None when time is up or somebody cancelled."""
        return self._answer.wait(cancelled)

    def _take(self, query: str) -> bool:
        return brings(parsed(query), self._state) and self._answer.put(query)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        take = self._take

        class Handler(BaseHTTPRequestHandler):
            timeout = 5.0  # seconds for a request that does not go on

            def do_GET(self) -> None:
                path, _, query = self.path.partition("?")
                if path != "/":
                    self._say(404, "There is nothing here.")
                elif take(query):
                    self._say(200, _FAILED if "error" in parsed(query) else _DONE)
                else:
                    self._say(400, _NOT_OURS)

            def _say(self, status: int, text: str) -> None:
                body = f"<!DOCTYPE html><title>Sign-in</title><p>{text}</p>".encode()
                self.send_response(status)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.send_header("Content-Length", str(len(body)))
                self.send_header("Cache-Control", "no-store")
                self.send_header("Referrer-Policy", "no-referrer")  # the address of this page holds the code
                self.send_header("Content-Security-Policy", "default-src 'none'")
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing: the request line holds the code."""

        return Handler


def _configured_port() -> int:
    text = os.environ.get(PORT_VARIABLE, "0")
    if not (text.isascii() and text.isdigit() and int(text) <= 65535):
        raise AuthError(
            f"{PORT_VARIABLE} has to be a port from 1 to 65535, not {text!r}.",
            step=Step.SIGN_IN,
            category=Category.CONFIGURATION,
        )
    return int(text)
