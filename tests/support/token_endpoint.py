"""A scripted OAuth provider whose settings name the fault, and a proxy that leads every host name to it.

It keeps to the RFCs (6749, 7636, 9207) where no fault is asked for, replaces refresh tokens, and takes the
second use of one for theft. Its paths are those of a generic provider and of a Microsoft tenant alike.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import socket
import ssl
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qsl, urlencode, urlsplit


@dataclass
class Behaviour:
    """What the provider does. All of it may be changed while it runs."""

    client_id: str = "app"
    client_secret: str = ""
    secret_in: tuple[str, ...] = ("body", "header")
    expires_in: object = 3600
    rotate: bool = True
    refresh_tokens: bool = True
    delay: float = 0.0
    iss: str | None = None
    """Sent back with the code; None: as RFC 9207 wants it, "": not at all."""
    answer: Callable[[Sender], None] | None = None
    """In place of every answer of the token endpoint."""
    error: dict[str, Any] | None = None
    """An answer of 400 from the token endpoint."""


@dataclass
class TokenRequest:
    form: dict[str, str]
    headers: dict[str, str]
    path: str


@dataclass
class _Code:
    challenge: str
    redirect_uri: str


@dataclass
class _Grants:
    codes: dict[str, _Code] = field(default_factory=dict)
    alive: set[str] = field(default_factory=set)
    used: set[str] = field(default_factory=set)


class TokenEndpoint:
    """The provider, running while it is entered. With `tls` it speaks https."""

    def __init__(self, behaviour: Behaviour | None = None, tls: ssl.SSLContext | None = None) -> None:
        self.behaviour = behaviour or Behaviour()
        self.requests: list[TokenRequest] = []
        self.authorizations: list[dict[str, str]] = []
        self.access_tokens: list[str] = []
        self._grants = _Grants()
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), self._handler())
        self._scheme = "https" if tls else "http"
        if tls:
            self._server.tls = tls

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def port(self) -> int:
        return self._server.server_port

    @property
    def url(self) -> str:
        return f"{self._scheme}://localhost:{self.port}"

    @property
    def token_url(self) -> str:
        return f"{self.url}/token"

    @property
    def auth_url(self) -> str:
        return f"{self.url}/authorize"

    def give_refresh_token(self) -> str:
        """A refresh token as an administrator would paste it into an asset."""
        token = "rt-" + secrets.token_hex(12)
        self._grants.alive.add(token)
        return token

    def revoke_all(self) -> None:
        with self._lock:
            self._grants.alive.clear()

    def grants(self, grant_type: str) -> list[TokenRequest]:
        return [request for request in self.requests if request.form.get("grant_type") == grant_type]

    # -- what it answers -------------------------------------------------------------------------------------

    def authorize(self, query: dict[str, str]) -> str:
        """Where the browser is sent, the person having agreed at once."""
        with self._lock:
            self.authorizations.append(query)
            code = "code-" + secrets.token_hex(12)
            self._grants.codes[code] = _Code(query["code_challenge"], query["redirect_uri"])
        back = {"code": code, "state": query["state"]}
        issuer = self.url if self.behaviour.iss is None else self.behaviour.iss
        if issuer:
            back["iss"] = issuer
        return f"{query['redirect_uri']}?{urlencode(back)}"

    def token(self, request: TokenRequest) -> tuple[int, dict[str, Any]]:
        with self._lock:
            self.requests.append(request)
        time.sleep(self.behaviour.delay)
        with self._lock:
            if self.behaviour.error is not None:
                return 400, self.behaviour.error
            if not self._knows_client(request):
                return 401, {"error": "invalid_client"}
            return self._granted(request.form)

    def _knows_client(self, request: TokenRequest) -> bool:
        wanted, form = self.behaviour, request.form
        header = request.headers.get("authorization", "")
        if header.startswith("Basic "):
            pair = base64.b64decode(header[6:]).decode()
            return "header" in wanted.secret_in and pair == f"{wanted.client_id}:{wanted.client_secret}"
        if wanted.client_secret and "body" not in wanted.secret_in:
            return False
        return (form.get("client_id"), form.get("client_secret", "")) == (
            wanted.client_id,
            wanted.client_secret,
        )

    def _granted(self, form: dict[str, str]) -> tuple[int, dict[str, Any]]:
        kind = form.get("grant_type")
        if kind == "authorization_code":
            code = self._grants.codes.pop(form.get("code", ""), None)
            digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
            challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
            if code is None or (code.challenge, code.redirect_uri) != (challenge, form.get("redirect_uri")):
                return 400, {"error": "invalid_grant", "error_description": "The code is not good."}
        elif kind == "refresh_token":
            token = form.get("refresh_token", "")
            if token in self._grants.used:
                self._grants.alive.clear()
                return 400, {
                    "error": "invalid_grant",
                    "error_description": "The refresh token was used twice.",
                }
            if token not in self._grants.alive:
                return 400, {"error": "invalid_grant", "error_description": "The refresh token is not known."}
            if self.behaviour.rotate:
                self._grants.alive.remove(token)
                self._grants.used.add(token)
        elif kind != "client_credentials":
            return 400, {"error": "unsupported_grant_type"}
        return 200, self._tokens(kind)

    def _tokens(self, kind: str) -> dict[str, Any]:
        access_token = "at-" + secrets.token_hex(12)
        self.access_tokens.append(access_token)
        answer: dict[str, Any] = {"access_token": access_token, "token_type": "Bearer"}
        if self.behaviour.expires_in is not None:
            answer["expires_in"] = self.behaviour.expires_in
        again = kind == "authorization_code" or (kind == "refresh_token" and self.behaviour.rotate)
        if again and self.behaviour.refresh_tokens:
            answer["refresh_token"] = self.give_refresh_token()
        return answer

    def discovery(self, host: str, tenant: str) -> dict[str, Any]:
        """What Microsoft's tenants publish, as far as MSAL looks at it."""
        base = f"{self._scheme}://{host}/{tenant}"
        return {
            "issuer": f"{base}/v2.0",
            "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
            "token_endpoint": f"{base}/oauth2/v2.0/token",
        }

    def _handler(self) -> type[Sender]:
        endpoint = self

        class Handler(Sender):
            provider = endpoint

        return Handler


class _Server(ThreadingHTTPServer):
    """Shakes hands in the thread of the connection, so that one silent client stops nobody."""

    tls: ssl.SSLContext | None = None
    daemon_threads = True
    request_queue_size = 64

    def finish_request(self, request: Any, client_address: Any) -> None:
        if self.tls is not None:
            request.settimeout(10)
            try:
                request = self.tls.wrap_socket(request, server_side=True)
            except OSError:
                return
        super().finish_request(request, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away in the middle is nothing to print."""


class Sender(BaseHTTPRequestHandler):
    """One request to the provider. A `Behaviour.answer` writes with `say` and `raw`."""

    provider: TokenEndpoint
    timeout = 10.0

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        query = dict(parse_qsl(url.query))
        if url.path.endswith("/.well-known/openid-configuration"):
            host = self.headers.get("Host", "")
            self.say(200, self.provider.discovery(host, url.path.split("/")[1]))
        elif url.path.endswith("/authorize"):
            self.send_response(302)
            self.send_header("Location", self.provider.authorize(query))
            self.send_header("Content-Length", "0")
            self.end_headers()
        else:
            self.say(404, {"error": "not_found"})

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        form = dict(parse_qsl(self.rfile.read(length).decode()))
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = TokenRequest(form, headers, self.path)
        fault = self.provider.behaviour.answer
        if fault is not None:
            self.provider.requests.append(request)
            with suppress(OSError):
                fault(self)
            return
        self.say(*self.provider.token(request))

    def say(self, status: int, answer: object, **headers: str) -> None:
        body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def raw(self, octets: bytes) -> None:
        """Octets as they are, at once."""
        self.wfile.write(octets)
        self.wfile.flush()

    def log_message(self, format: str, *args: object) -> None:
        """Tests print nothing."""


class Proxy:
    """An HTTP proxy that answers CONNECT for every host with a tunnel to one port of this machine."""

    def __init__(self, port: int) -> None:
        self.asked_for: list[str] = []
        self._to = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *exception: object) -> None:
        for each in (self._listener, *self._open):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self._open.append(client)
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with suppress(OSError), client:
            head = b""
            while b"\r\n\r\n" not in head and len(head) < 8192:
                head += client.recv(1024)
            self.asked_for.append(head.split()[1].decode())
            with socket.create_connection(("127.0.0.1", self._to)) as server:
                self._open.append(server)
                client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                back = threading.Thread(target=_pump, args=(server, client), daemon=True)
                back.start()
                _pump(client, server)
                back.join(5)


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_WR)
