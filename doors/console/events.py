"""What happens in a run, as server-sent events, for whoever watches it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse

from doors.console.console import Console
from host.local.people.roles import Role

_LOOK = 0.1
"""Seconds between two looks at the run."""
_AT_ONCE = {"X-Accel-Buffering": "no"}
"""A proxy such as nginx would hold events back until it has a few kB of them."""
_SILENCE = 15.0
"""Seconds after which something is said anyway, so that nobody between takes the connection for dead."""


def run_events(console: Console) -> Callable[[Request], Awaitable[Response]]:
    """GET /runs/N/events, for a browser that is signed in."""

    async def endpoint(request: Request) -> Response:
        text = request.cookies.get(console.address.cookie, "")
        session = await run_in_threadpool(console.sessions.find, text) if text else None
        if session is None or not session.person.role.covers(Role.VIEWER):
            return PlainTextResponse("Sign in first.", 401)
        return stream(console, request)

    return endpoint


def stream(console: Console, request: Request) -> Response:
    """The events of the run in the address, from the beginning, or after `Last-Event-ID`."""
    number = str(request.path_params["id"])
    if not (number.isascii() and number.isdigit() and len(number) < 16):
        return PlainTextResponse("There is no such run.", 404)
    last = request.headers.get("last-event-id", "")
    after = int(last) + 1 if last.isascii() and last.isdigit() and len(last) < 9 else 0
    return StreamingResponse(
        _told(console, int(number), after), media_type="text/event-stream", headers=_AT_ONCE
    )


async def _told(console: Console, number: int, after: int) -> AsyncIterator[str]:
    live = console.live.get(number)
    if live is None:
        # It has ended, or another process runs it: the page itself has what is known.
        kept = await run_in_threadpool(console.live.told, number)
        events = kept.get("events", [])
        for place, event in enumerate(events[after:], after):
            yield _written(place, event)
        if not events or events[-1]["kind"] != "ended":
            yield _written(len(events), {"kind": "ended", "ms": 0, "text": "", "status": ""})
        return
    place, silent, sent = after, 0.0, (0, 0)
    while True:
        has_ended = live.ended.is_set()
        for event in live.events[place:]:
            yield _written(place, event)
            place, silent = place + 1, 0.0
        if live.sent_octets != sent:
            sent = live.sent_octets
            yield f"event: sent\ndata: {json.dumps({'octets': sent[0], 'size': sent[1]})}\n\n"
        if has_ended:
            return
        await asyncio.sleep(_LOOK)
        silent += _LOOK
        if silent >= _SILENCE:
            yield ": still there\n\n"
            silent = 0.0


def _written(place: int, event: dict[str, object]) -> str:
    return f"id: {place}\nevent: {event['kind']}\ndata: {json.dumps(event)}\n\n"
