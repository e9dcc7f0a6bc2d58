"""Dapr's bindings API over HTTP: `POST /v1.0/bindings/NAME`, health and metadata."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from doors.dapr.binding import Answer, InvokeError
from doors.dapr.sidecar import INVALID_TOKEN, TOKEN_HEADER, Sidecar

BODY_SECONDS = 60.0
"""How long a client may take to send its request."""
MOST_CONNECTIONS = 1000
STOP_SECONDS = 30
"""How long requests that are under way have when the process is asked to stop."""


class _Malformed(Exception):
    """The request's body is not what it has to be."""


@dataclass(frozen=True, slots=True)
class _Invocation:
    """What the body of a request asks for."""

    operation: str
    metadata: Mapping[str, str]
    text: str


class HttpDoor:
    """Serves from its `start` to its `stop`. `max_body` is in octets."""

    def __init__(self, sidecar: Sidecar, listener: socket.socket, max_body: int) -> None:
        self._listener = listener
        config = uvicorn.Config(
            application(sidecar, max_body),
            log_config=None,
            access_log=False,
            server_header=False,
            lifespan="off",
            limit_concurrency=MOST_CONNECTIONS,
            timeout_graceful_shutdown=STOP_SECONDS,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, args=([listener],), name="dapr http")

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Answer what is under way, then let go."""
        self._server.should_exit = True
        self._thread.join()
        self._listener.close()


def application(sidecar: Sidecar, max_body: int) -> Starlette:
    """The API as an ASGI application."""

    async def invoke(request: Request) -> Response:
        if refusal := _not_let_in(request, sidecar):
            return refusal
        name = request.path_params["name"]
        try:
            asked = _read(await _body(request, max_body))
            # A mail is sent by blocking calls.
            answer = await run_in_threadpool(
                sidecar.invoke, name, asked.operation, asked.metadata, asked.text
            )
        except _TooLarge:
            text = f"the body is larger than {max_body} octets (--max-body-size)"
            return _error(413, "ERR_MALFORMED_REQUEST", text)
        except _Malformed as error:
            return _error(400, "ERR_MALFORMED_REQUEST", f"failed deserializing HTTP body: {error}")
        except InvokeError as error:
            return _error(500, "ERR_INVOKE_OUTPUT_BINDING", str(error))
        return _answered(answer)

    async def metadata(request: Request) -> Response:
        if refusal := _not_let_in(request, sidecar):
            return refusal
        components = [
            {"name": one.name, "type": one.type, "version": one.version, "capabilities": []}
            for one in sidecar.registered()
        ]
        return JSONResponse(
            {
                "id": "smtp-connector",
                "runtimeVersion": sidecar.version,
                "enabledFeatures": [],
                "components": components,
                "extended": {},
            }
        )

    async def health(_request: Request) -> Response:
        return Response(status_code=204)

    return Starlette(
        routes=[
            Route("/v1.0/bindings/{name}", invoke, methods=["POST", "PUT"]),
            Route("/v1.0/metadata", metadata, methods=["GET"]),
            Route("/v1.0/healthz", health, methods=["GET"]),
            Route("/v1.0/healthz/outbound", health, methods=["GET"]),
        ]
    )


class _TooLarge(Exception):
    """The body has more octets than are taken."""


def _not_let_in(request: Request, sidecar: Sidecar) -> Response | None:
    """Why this client may not ask; None where it may."""
    if not sidecar.lets_in(request.headers.get(TOKEN_HEADER, "")):
        return _error(401, "ERR_UNAUTHORIZED", INVALID_TOKEN)
    if "origin" in request.headers and not sidecar.wants_token:
        # Any page that somebody on this machine looks at could send mail otherwise.
        text = "requests of web pages are refused unless DAPR_API_TOKEN is set"
        return _error(403, "ERR_FORBIDDEN", text)
    return None


async def _body(request: Request, max_body: int) -> bytes:
    """Raises `_TooLarge` and `_Malformed`."""
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for piece in request.stream():
                body += piece
                if len(body) > max_body:
                    raise _TooLarge
    except TimeoutError as error:
        raise _Malformed("it did not arrive in time") from error
    except ClientDisconnect as error:
        raise _Malformed("it ended too early") from error
    return bytes(body)


def _read(body: bytes) -> _Invocation:
    """Raises `_Malformed`."""
    try:
        asked = json.loads(body)
    except RecursionError as error:
        raise _Malformed("it is nested too deeply") from error
    except ValueError as error:
        raise _Malformed(str(error)) from error
    if not isinstance(asked, dict):
        raise _Malformed("it has to be a JSON object")
    operation = "" if asked.get("operation") is None else asked["operation"]
    metadata = {} if asked.get("metadata") is None else asked["metadata"]
    if not isinstance(operation, str):
        raise _Malformed("operation has to be a string")
    if not isinstance(metadata, dict):
        raise _Malformed("metadata has to be an object of strings")
    metadata = {
        name: "" if value is None else value for name, value in metadata.items()
    }  # as Dapr reads them
    if not all(isinstance(value, str) for value in metadata.values()):
        raise _Malformed("metadata has to be an object of strings")
    return _Invocation(operation, metadata, _text(asked.get("data", "")))


def _text(data: Any) -> str:
    """A JSON string is its text, any other value its JSON text."""
    return data if isinstance(data, str) else json.dumps(data, ensure_ascii=False, separators=(",", ":"))


def _answered(answer: Answer) -> Response:
    response = Response(answer.data, media_type="application/json")
    # As they are spelled: Starlette writes the names of its own headers in lower case.
    response.raw_headers += [
        (f"metadata.{name}".encode(), value.encode()) for name, value in answer.metadata.items()
    ]
    return response


def _error(status: int, code: str, text: str) -> Response:
    # In ASCII: what a client gave may hold half a character, and is repeated here.
    octets = json.dumps({"errorCode": code, "message": text}).encode()
    return Response(octets, status, media_type="application/json")
