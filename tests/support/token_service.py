"""A token service of the tests: it says what it was asked for, and gives or refuses."""

from __future__ import annotations

import json
import threading
from base64 import b64decode
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit


class Asked:
    """One request: its form, its headers in lower case, its query, and the login of Basic authentication."""

    def __init__(self, path: str, headers: dict[str, str], body: str) -> None:
        self.path = urlsplit(path).path
        self.query = dict(parse_qsl(urlsplit(path).query))
        self.headers = headers
        self.form = dict(parse_qsl(body))
        kind, _, encoded = headers.get("authorization", "").partition(" ")
        self.login = b64decode(encoded).decode() if kind == "Basic" else ""


class TokenServer:
    """Serves inside a `with` on this machine, in plain HTTP. `answers` are given one by one, the last one again."""

    def __init__(self, *answers: dict[str, Any]) -> None:
        self.answers = list(answers) or [
            {"access_token": "access-canary", "token_type": "Bearer", "expires_in": 3600}
        ]
        self.asked: list[Asked] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
                headers = {name.lower(): value for name, value in self.headers.items()}
                outer.asked.append(Asked(self.path, headers, body))
                answer = outer.answers[0] if len(outer.answers) == 1 else outer.answers.pop(0)
                data = json.dumps(answer).encode()
                self.send_response(400 if "error" in answer else 200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *args: object) -> None:
                """Nobody reads it."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._server.shutdown()
        self._server.server_close()
