"""The HTTP API in the shapes of Splunk SOAR's: who calls, what came in, and errors as its clients know them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from doors.console.console import Console
from doors.console.visit import FORESEEN, NotThere, told
from host.local import inputs
from host.local.inputs import InputError
from host.local.people.roles import Person, Role

LARGEST_BODY = 96 * 1024 * 1024
"""Octets of a body: a file of 64 MiB in base64, and what is around it."""
LINES = "application/x-ndjson"
_BEARER = re.compile(r"Bearer +(\S+)", re.IGNORECASE)


class TooLarge(Exception):
    """The body is larger than is taken."""


@dataclass(slots=True)
class Call:
    """One request of a program. `body` is its JSON, None where there is none; `lines` those of JSON Lines."""

    console: Console
    request: Request
    person: Person
    body: Any = None
    lines: tuple[Any, ...] | None = None

    def object(self) -> dict[str, Any]:
        """The body, which has to be a JSON object. Raises `InputError`."""
        if not isinstance(self.body, dict):
            raise InputError("The body has to be a JSON object.")
        return self.body

    def number(self, name: str = "id") -> int:
        """A number in the address. Raises `NotThere`."""
        text = str(self.request.path_params[name])
        if not (text.isascii() and text.isdigit() and len(text) < 16):
            raise NotThere(f"There is no {self.request.url.path.split('/')[2]} {text[:40]!r}.")
        return int(text)


ApiHandler = Callable[[Call], Mapping[str, Any] | Response]


def api_route(console: Console, method: str, path: str, handler: ApiHandler, role: Role) -> Route:
    """An address of the API, for whoever has a token of that role."""

    async def endpoint(request: Request) -> Response:
        person = await run_in_threadpool(caller, console, request)
        if person is None:
            return failed(401, "Give a valid token in the header ph-auth-token.")
        if not person.role.covers(role):
            return failed(
                403, f"That takes a token with the role {role.value}; this one's is {person.role.value}."
            )
        call = Call(console, request, person)
        try:
            if method == "POST":
                await _read_body(call)
            answer = await run_in_threadpool(handler, call)
        except TooLarge as error:
            return failed(413, str(error))
        except NotThere as error:
            return failed(404, str(error))
        except FORESEEN as error:
            return failed(400, told(error))
        except ClientDisconnect:
            return failed(400, "The body did not come to its end.")
        return answer if isinstance(answer, Response) else in_json(answer)

    return Route(path, endpoint, methods=[method])


def caller(console: Console, request: Request) -> Person | None:
    """Whose token the request has."""
    text = request.headers.get("ph-auth-token", "")
    if not text and (bearer := _BEARER.fullmatch(request.headers.get("authorization", ""))):
        text = bearer[1]
    return console.tokens.find(text) if text else None


def in_json(
    content: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """An answer in ASCII: a parameter that is repeated may hold half a character, which UTF-8 can't."""
    return Response(json.dumps(dict(content)).encode(), status, headers, media_type="application/json")


def failed(status: int, message: str) -> Response:
    """An error as SOAR's clients know it."""
    return in_json({"failed": True, "message": message}, status)


async def _read_body(call: Call) -> None:
    """Raises `InputError` for what is no JSON, `TooLarge`."""
    octets, size = bytearray(), 0
    async for piece in call.request.stream():
        size += len(piece)
        if size <= LARGEST_BODY:
            octets += piece  # the rest is read all the same: who is still sending hears no answer
    if size > LARGEST_BODY:
        raise TooLarge(f"A body may have {LARGEST_BODY // 1024 // 1024} MiB; this one has more.")
    kind = call.request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == LINES:
        call.lines = await run_in_threadpool(_lines, bytes(octets))
    elif octets:
        call.body = await run_in_threadpool(inputs.parse, bytes(octets), "The body")


def _lines(octets: bytes) -> tuple[Any, ...]:
    return tuple(
        inputs.parse(line, f"Line {number}")
        for number, line in enumerate(octets.split(b"\n"), 1)
        if line.strip()
    )
