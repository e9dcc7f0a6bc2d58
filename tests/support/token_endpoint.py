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
from typing import Any, Literal, Self
from urllib.parse import parse_qsl, urlencode, urlsplit

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import import_key
from joserfc.jws import JWSRegistry

DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
ACCOUNT_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
EXCHANGE_GRANT = "urn:ietf:params:oauth:grant-type:token-exchange"


@dataclass
class Behaviour:
    """What the provider does. All of it may be changed while it runs."""

    client_id: str = "app"
    client_secret: str = ""
    secret_in: tuple[str, ...] = ("body", "header")
    expires_in: object = 3600
    access_token: str = ""
    """The same for all; "": a new one each time."""
    rotate: bool = True
    refresh_tokens: bool = True
    delay: float = 0.0
    iss: str | None = None
    """Sent back with the code; None: as RFC 9207 wants it, "": not at all."""
    answer: Callable[[Sender], None] | None = None
    """In place of every answer of the token endpoint."""
    error: dict[str, Any] | None = None
    """An answer of 400 from the token endpoint."""
    application_key: str = ""
    """PEM: the public key that the application's assertions are verified with; with it, nothing else proves it."""
    workload_token: str = ""
    """A token of another issuer that is taken for the application's proof."""
    exchanged_token: str = ""
    """A token of another issuer that is exchanged for one of this provider's (RFC 8693)."""
    account_key: str = ""
    """PEM: the public key of a service account."""
    before_approval: list[str] = field(default_factory=list)
    """Errors that a sign-in with a code is answered with, one after the other, before the person has agreed."""
    device: dict[str, Any] = field(default_factory=dict)
    """What the device authorization endpoint says otherwise."""
    metadata: dict[str, Any] | None = None
    """What the machine's metadata endpoint answers with a 400; None: a token."""


@dataclass
class TokenRequest:
    form: dict[str, str]
    headers: dict[str, str]
    path: str
    claims: dict[str, Any] = field(default_factory=dict)
    """Of the assertion that came with it, and was verified."""
    jose: dict[str, Any] = field(default_factory=dict)
    """The assertion's header."""


@dataclass
class _Code:
    challenge: str
    redirect_uri: str


@dataclass
class _Grants:
    codes: dict[str, _Code] = field(default_factory=dict)
    alive: set[str] = field(default_factory=set)
    used: set[str] = field(default_factory=set)
    devices: set[str] = field(default_factory=set)


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
    def device_url(self) -> str:
        return f"{self.url}/device"

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
            return self._granted(request)

    def _knows_client(self, request: TokenRequest) -> bool:
        wanted, form = self.behaviour, request.form
        if wanted.account_key:
            return True  # its grant is its proof
        if "client_assertion" in form or wanted.application_key or wanted.workload_token:
            return self._knows_assertion(request)
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

    def _knows_assertion(self, request: TokenRequest) -> bool:
        """RFC 7523 section 3, as a provider checks it."""
        form, wanted = request.form, self.behaviour
        assertion = form.get("client_assertion", "")
        if form.get("client_assertion_type") != "urn:ietf:params:oauth:client-assertion-type:jwt-bearer":
            return False
        if not wanted.application_key:
            return bool(wanted.workload_token) and assertion == wanted.workload_token
        if not self._verified(request, assertion, wanted.application_key):
            return False
        claims = request.claims
        return claims["iss"] == claims["sub"] == form.get("client_id") == wanted.client_id

    def _verified(self, request: TokenRequest, assertion: str, key: str) -> bool:
        """Whether `key` signed the assertion for this endpoint, for now, and it was not used before."""
        try:
            token = jwt.decode(assertion, import_key(key, _key_type(key)), registry=_registry())
        except (JoseError, ValueError):
            return False
        request.claims, request.jose = token.claims, token.header
        now, claims = time.time(), token.claims
        fresh = claims["iat"] - 60 < now < claims["exp"] < now + 3_700
        new = claims.get("jti") not in self._grants.used
        self._grants.used.add(claims.get("jti", ""))
        audience = claims["aud"] if isinstance(claims["aud"], str) else claims["aud"][0]
        return fresh and new and urlsplit(audience).path == request.path

    def begin_device(self, request: TokenRequest) -> tuple[int, dict[str, Any]]:
        """RFC 8628 section 3.2."""
        with self._lock:
            self.requests.append(request)
            if self.behaviour.error is not None:
                return 400, self.behaviour.error
            if not (request.form.get("client_id") == self.behaviour.client_id or self._knows_client(request)):
                return 401, {"error": "invalid_client"}
            code = "device-" + secrets.token_hex(12)
            self._grants.devices.add(code)
        answer: dict[str, Any] = {
            "device_code": code,
            "user_code": "WDJB-MJHT",
            "verification_uri": f"{self.url}/activate",
            "expires_in": 900,
            "interval": 0.05,
        }
        answer |= self.behaviour.device
        return 200, {name: value for name, value in answer.items() if value is not None}

    def identity(self, query: dict[str, str], headers: dict[str, str]) -> tuple[int, dict[str, Any]]:
        """What a machine's metadata service says (Azure's), whose numbers are texts."""
        with self._lock:
            self.requests.append(TokenRequest(query, headers, "/metadata"))
        if headers.get("metadata") != "true":
            return 400, {
                "error": "invalid_request",
                "error_description": "Required metadata header not specified",
            }
        if self.behaviour.metadata is not None:
            return 400, self.behaviour.metadata
        answer = self._tokens("identity")
        return 200, answer | {"expires_in": str(answer["expires_in"]), "resource": query["resource"]}

    def _granted(self, request: TokenRequest) -> tuple[int, dict[str, Any]]:
        form = request.form
        if form.get("grant_type") == DEVICE_GRANT:
            return self._granted_to_device(form)
        if form.get("grant_type") == ACCOUNT_GRANT and self.behaviour.account_key:
            if not self._verified(request, form.get("assertion", ""), self.behaviour.account_key):
                return 400, {"error": "invalid_grant", "error_description": "Invalid JWT Signature."}
            return 200, self._tokens("account")
        if form.get("grant_type") == EXCHANGE_GRANT and self.behaviour.exchanged_token:
            if form.get("subject_token") != self.behaviour.exchanged_token:
                return 400, {
                    "error": "invalid_request",
                    "error_description": "The subject_token is not good.",
                }
            return 200, self._tokens("exchange") | {"issued_token_type": form.get("requested_token_type")}
        return self._granted_as_ever(form)

    def _granted_to_device(self, form: dict[str, str]) -> tuple[int, dict[str, Any]]:
        if form.get("device_code") not in self._grants.devices:
            return 400, {"error": "invalid_grant"}
        if self.behaviour.before_approval:
            return 400, {"error": self.behaviour.before_approval.pop(0)}
        self._grants.devices.discard(form["device_code"])
        return 200, self._tokens("authorization_code")

    def _granted_as_ever(self, form: dict[str, str]) -> tuple[int, dict[str, Any]]:
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
        access_token = self.behaviour.access_token or "at-" + secrets.token_hex(12)
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
            "device_authorization_endpoint": f"{base}/oauth2/v2.0/devicecode",
        }

    def _handler(self) -> type[Sender]:
        endpoint = self

        class Handler(Sender):
            provider = endpoint

        return Handler


def _registry() -> JWSRegistry:
    registry = JWSRegistry(algorithms=["RS256", "PS256", "ES256", "ES384", "ES512"])
    registry.max_header_length = 16_384  # Microsoft's library puts the certificate there
    return registry


def _key_type(pem: str) -> Literal["RSA", "EC"]:
    return "RSA" if isinstance(load_pem_public_key(pem.encode()), rsa.RSAPublicKey) else "EC"


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
        elif url.path == "/metadata/identity/oauth2/token" and self.provider.behaviour.answer is not None:
            self.provider.behaviour.answer(self)
        elif url.path == "/metadata/identity/oauth2/token":
            headers = {name.lower(): value for name, value in self.headers.items()}
            self.say(*self.provider.identity(query, headers))
        elif url.path.endswith("/authorize"):
            self.send_response(302)
            self.send_header("Location", self.provider.authorize(query))
            self.send_header("Content-Length", "0")
            self.end_headers()
        else:
            self.say(404, {"error": "not_found"})

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        pairs = parse_qsl(self.rfile.read(length).decode())
        form = dict(pairs)
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = TokenRequest(form, headers, self.path)
        fault = self.provider.behaviour.answer
        if len(form) != len(pairs):  # RFC 6749 section 3.2
            self.say(400, {"error": "invalid_request", "error_description": "a parameter is there twice"})
            return
        if fault is not None:
            self.provider.requests.append(request)
            with suppress(OSError):
                fault(self)
            return
        if urlsplit(self.path).path.endswith(("/device", "/devicecode")):
            self.say(*self.provider.begin_device(request))
        else:
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
