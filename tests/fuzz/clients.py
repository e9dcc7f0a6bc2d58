"""What clients say to the relay, taken apart: the same requests and the same mail, however the octets arrive."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType

from smtp.commands import Kind
from smtp.reply import Reply
from smtp.server.engine import MAX_COMMAND, MAX_RESPONSE, End, Event, Mistake, Piece, ServerEngine
from smtp.server.logins import PASSWORDS, TOKENS, BadResponse
from smtp.server.request import Request
from smtp.server.state import State
from tests.fuzz.rules import must

MAX_SIZE = 2000
_ANSWERS = MappingProxyType({Kind.DATA: 354, Kind.STARTTLS: 220, Kind.QUIT: 221, Kind.AUTH: 334})


def clients(octets: bytes) -> None:
    """The first octet says which answer is a refusal, the rest is what the client says."""
    refused, said = (octets[:1] or b"\0")[0], octets[1:]
    whole = _served(said, len(said) or 1, refused)
    must(whole == _served(said, 1, refused), "octet by octet it reads as something else")
    must(whole == _served(said, 7, refused), "in pieces it reads as something else")


def logins(octets: bytes) -> None:
    """Whatever is said in a login, it is a name and a secret that does not show, or has not the form."""
    for make in (*PASSWORDS.values(), *TOKENS.values()):
        try:
            login = make().take(octets)
        except BadResponse:
            continue
        if not isinstance(login, bytes):
            must(repr(login) == repr(replace(login, secret="")), "a secret that shows")
            must(login.secret.isprintable() or not login.is_token, "a token that is not one line")


def _served(said: bytes, size: int, refused: int) -> tuple[list[str], bytes]:
    """What the client asked for, in order, and what it was answered."""
    engine = ServerEngine(MAX_SIZE)
    asked: list[str] = []
    answered = b""
    for start in range(0, len(said), size):
        engine.receive(said[start : start + size])
        while (event := engine.next_event()) is not None:
            if isinstance(event, Piece):
                asked += [""] if not asked or not asked[-1].startswith("> ") else []
                asked[-1] = f"{asked[-1] or '> '}{event.data.decode('latin-1')}"
                continue
            asked.append(_name(event))
            if isinstance(event, Request) and event.kind in (Kind.BDAT, Kind.BDAT_LAST):
                continue
            answered += engine.answer(_answer(event, len(asked) == refused))
        must(len(engine._buffer) <= len(said) or size > 1, "more is kept than was said")
        if engine.state is State.NEGOTIATING:
            break  # what comes is TLS, or is dropped
    must(all(len(line) <= 510 for line in answered.split(b"\r\n")), "a reply line that is too long")
    must(engine.outstanding == 0, "a request without an answer")
    return asked, answered


def _name(event: Event) -> str:
    if isinstance(event, Mistake):
        must(event.reply.code >= 500, "a mistake that is no refusal")
        return f"mistake {event.reply.code}"
    if isinstance(event, End):
        return f"end of {event.kind.name}, {event.fault.code if event.fault else 'sound'}"
    assert isinstance(event, Request)
    must(len(event.text) <= max(MAX_COMMAND, MAX_RESPONSE), "a text that is too long")
    address = str(event.address)
    must(not any(octet in address for octet in "\r\n\0"), "an address of more than one line")
    return f"{event.kind.name} {event.text} {address} {sorted(event.parameters.items())} {event.octets}"


def _answer(event: Event, is_refused: bool) -> Reply:
    if isinstance(event, Mistake):
        return event.reply
    if isinstance(event, End) and event.fault is not None:
        return event.fault
    if is_refused:
        return Reply(550, ("5.0.0 no",))
    assert not isinstance(event, Piece)
    return Reply(_ANSWERS.get(event.kind, 250), ("",))


TARGETS = MappingProxyType({"clients": clients, "logins": logins})
