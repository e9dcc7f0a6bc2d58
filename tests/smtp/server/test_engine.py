"""The engine of a server: a client's octets whole, octet by octet, and with more behind them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from smtp.commands import Kind
from smtp.errors import LocalProtocolError
from smtp.reply import Reply
from smtp.server.engine import MAX_COMMAND, MAX_RESPONSE, End, Event, Mistake, Piece, ServerEngine
from smtp.server.request import Request
from smtp.server.state import State

OK = Reply(250, ("2.0.0 OK",))
ANSWERS = {
    Kind.DATA: Reply(354, ("Go on",)),
    Kind.STARTTLS: Reply(220, ("Go",)),
    Kind.QUIT: Reply(221, ("Bye",)),
}


def served(
    wire: bytes,
    size: int = 0,
    answers: Callable[[Event], Reply | None] = lambda event: None,
    max_size: int = 1000,
) -> tuple[list[Event], bytes, ServerEngine]:
    """What came of `wire`, given in pieces of that size: events with pieces of the message joined, and the answers."""
    engine = ServerEngine(max_size)
    events: list[Event] = []
    said = b""
    for start in range(0, len(wire), size or len(wire)):
        engine.receive(wire[start : start + (size or len(wire))])
        while (event := engine.next_event()) is not None:
            if isinstance(event, Piece) and events and isinstance(events[-1], Piece):
                events[-1] = Piece(events[-1].data + event.data)
                continue
            events.append(event)
            if isinstance(event, Piece):
                continue
            if isinstance(event, Request) and event.kind in (Kind.BDAT, Kind.BDAT_LAST):
                continue  # answered at the end of the chunk
            chosen = answers(event)
            if chosen is None:
                chosen = (
                    event.reply
                    if isinstance(event, Mistake)
                    else ANSWERS.get(getattr(event, "kind", Kind.NOOP), OK)
                )
            if isinstance(event, End) and event.fault is not None:
                chosen = event.fault
            said += engine.answer(chosen)
    return events, said, engine


def kinds(events: list[Event]) -> list[object]:
    return [
        event.data
        if isinstance(event, Piece)
        else event.reply.code
        if isinstance(event, Mistake)
        else event.kind.name
        for event in events
    ]


ENVELOPE = b"MAIL FROM:<a@x.test>\r\nRCPT TO:<b@x.test>\r\n"
CASES = {
    "a mail by DATA": (
        b"EHLO me\r\n" + ENVELOPE + b"DATA\r\nSubject: x\r\n\r\n..\r\n.\r\nQUIT\r\n",
        ["EHLO", "MAIL", "RCPT", "DATA", b"Subject: x\r\n\r\n.\r\n", "END", "QUIT"],
    ),
    "an empty message": (ENVELOPE + b"DATA\r\n.\r\nNOOP\r\n", ["MAIL", "RCPT", "DATA", "END", "NOOP"]),
    "a mail by chunks": (
        ENVELOPE + b"BDAT 3\r\na\r\nBDAT 4 LAST\r\n.b\r\nNOOP\r\n",
        ["MAIL", "RCPT", "BDAT", b"a\r\n", "BDAT", "BDAT_LAST", b".b\r\n", "BDAT_LAST", "NOOP"],
    ),
    "chunks that hold nothing": (
        ENVELOPE + b"BDAT 0\r\nBDAT 0 LAST\r\n",
        ["MAIL", "RCPT", "BDAT", "BDAT", "BDAT_LAST", "BDAT_LAST"],
    ),
    "a chunk that comes too early is passed over": (
        b"BDAT 19 LAST\r\nMAIL FROM:<e@x.t>\r\nNOOP\r\n",
        [503, "NOOP"],
    ),
    "empty lines are nothing": (b"  \r\n\r\n\t \r\nNOOP\r\n   \r\n", ["NOOP"]),
    "out of order": (
        b"RCPT TO:<b@x.test>\r\nDATA\r\nMAIL FROM:<a@x.test>\r\nDATA\r\nMAIL FROM:<a@x.test>\r\n",
        [503, 503, "MAIL", 554, 503],
    ),
    "no command": (b"HELLO\r\nGET / HTTP/1.1\r\nNOOP\r\n", [500, 500, "NOOP"]),
    "a line that ends in LF alone": (b"NOOP\nNOOP\r\n", [500, "NOOP"]),
    "a line that is too long": (b"NOOP " + b"x" * MAX_COMMAND + b"\r\nNOOP\r\n", [500, "NOOP"]),
    "a long login": (b"AUTH XOAUTH2 " + b"QUJD" * 2500 + b"\r\nNOOP\r\n", ["AUTH", "NOOP"]),
    "a login that is too long": (b"AUTH XOAUTH2 " + b"QUJD" * 4000 + b"\r\nNOOP\r\n", [500, "NOOP"]),
    "a transaction taken back": (ENVELOPE + b"RSET\r\nRCPT TO:<b@x.test>\r\n", ["MAIL", "RCPT", "RSET", 503]),
    "a transaction ended by EHLO": (ENVELOPE + b"EHLO me\r\nDATA\r\n", ["MAIL", "RCPT", "EHLO", 503]),
}


@pytest.mark.parametrize("case", CASES)
def test_each_case_whole_and_octet_by_octet(case: str) -> None:
    wire, expected = CASES[case]
    for size in (0, 1, 2, 7):
        events, said, _ = served(wire, size)
        assert kinds(events) == expected
        assert said.endswith(b"\r\n")


def test_pipelined_commands_are_known_before_they_are_answered() -> None:
    engine = ServerEngine(1000)
    engine.receive(ENVELOPE + b"RCPT TO:<c@x.test>\r\nDATA\r\nnot before 354")
    events = [engine.next_event() for _ in range(4)]
    assert kinds([event for event in events if event is not None]) == ["MAIL", "RCPT", "RCPT", "DATA"]
    assert engine.next_event() is None
    assert engine.outstanding == 4
    assert engine.answer(OK) == b"250 2.0.0 OK\r\n"
    assert engine.answer(Reply(550, ("5.1.1 no",))) == b"550 5.1.1 no\r\n"
    engine.answer(OK)
    assert engine.answer(Reply(354, ("go",))) == b"354 go\r\n"
    assert engine.next_event() == Piece(b"not before 354")
    assert engine.is_in_message


def test_what_follows_a_refused_data_is_taken_for_commands() -> None:
    events, _, engine = served(
        ENVELOPE + b"DATA\r\nNOOP\r\n",
        answers=lambda event: (
            Reply(451, ("4.3.0 later",)) if getattr(event, "kind", None) is Kind.DATA else None
        ),
    )
    assert kinds(events) == ["MAIL", "RCPT", "DATA", "NOOP"]
    assert engine.state is State.READY


def test_a_refused_mail_lets_no_recipient_in() -> None:
    engine = ServerEngine(1000)
    engine.receive(ENVELOPE + b"DATA\r\n")
    while engine.next_event() is not None:
        pass
    for code in (550, 503, 503):
        engine.answer(Reply(code, ("5.0.0 no",)))
    assert engine.state is State.READY


def test_a_login_is_a_dialogue_and_can_be_cancelled() -> None:
    engine = ServerEngine(1000)
    engine.receive(b"AUTH LOGIN\r\nbmFtZQ==\r\n*\r\nNOOP\r\n")
    assert engine.next_event() == Request(Kind.AUTH, text="LOGIN")
    assert engine.next_event() is None
    assert engine.challenge(b"Username:") == b"334 VXNlcm5hbWU6\r\n"
    assert engine.next_event() == Request(Kind.AUTH_RESPONSE, response=b"name")
    assert engine.challenge(b"") == b"334 \r\n"
    cancelled = engine.next_event()
    assert isinstance(cancelled, Mistake)
    assert engine.answer(cancelled.reply).startswith(b"501 5.7.0 ")
    assert kinds([event for event in [engine.next_event()] if event]) == ["NOOP"]


def test_an_answer_to_a_challenge_that_is_too_long_ends_the_login() -> None:
    engine = ServerEngine(1000)
    engine.receive(b"AUTH LOGIN\r\n")
    engine.next_event()
    engine.challenge(b"")
    engine.receive(b"x" * (MAX_RESPONSE + 10) + b"\r\nNOOP\r\n")
    mistake = engine.next_event()
    assert isinstance(mistake, Mistake)
    engine.answer(mistake.reply)
    assert engine.state is State.READY


def test_nothing_that_came_before_tls_is_kept() -> None:
    events, _, engine = served(b"STARTTLS\r\nMAIL FROM:<evil@x.test>\r\nRCPT TO:<")
    assert kinds(events) == ["STARTTLS"]
    assert engine.state is State.NEGOTIATING
    assert engine.next_event() is None
    engine.tls_started()
    engine.receive(b"NOOP\r\n")
    assert engine.next_event() == Request(Kind.NOOP)


def test_after_quit_nothing_is_read() -> None:
    events, said, engine = served(b"QUIT\r\nNOOP\r\n")
    assert kinds(events) == ["QUIT"]
    assert said == b"221 Bye\r\n"
    assert engine.state is State.CLOSED


@pytest.mark.parametrize(
    "ending", [b"DATA\r\na\nb\r\n.\r\n", b"BDAT 5 LAST\r\na\nb\r\n", b"BDAT 2 LAST\r\na\r"]
)
def test_a_message_with_a_bare_line_end_is_read_to_its_end_and_refused(ending: bytes) -> None:
    for size in (0, 1):
        events, said, engine = served(ENVELOPE + ending + b"NOOP\r\n", size)
        (end,) = [event for event in events if isinstance(event, End)]
        assert end.fault is not None
        assert kinds(events)[-1] == "NOOP"
        assert b"550 5.6.11 " in said
        assert engine.state is State.READY


def test_a_message_that_is_too_large_is_refused_by_data_and_by_chunks() -> None:
    large = b"x" * 70 + b"\r\n"
    for ending in (b"DATA\r\n" + large + b".\r\n", b"BDAT 72\r\n" + large + b"RSET\r\n"):
        _, said, engine = served(ENVELOPE + ending, max_size=50)
        assert b"552 5.3.4 " in said
        assert engine.state is State.READY


def test_a_line_without_an_end_takes_no_memory() -> None:
    engine = ServerEngine(1000)
    for _ in range(100):
        engine.receive(b"x" * 65_536)
        assert engine.next_event() is None
    assert len(engine._buffer) <= 65_536
    engine.receive(b"\r\nNOOP\r\n")
    assert kinds([event for event in (engine.next_event(), engine.next_event()) if event]) == [500, "NOOP"]


def test_an_answer_too_many_is_a_mistake_of_ours() -> None:
    with pytest.raises(LocalProtocolError):
        ServerEngine(1000).answer(OK)


def test_replies_are_ascii_and_short_enough_for_every_client() -> None:
    engine = ServerEngine(1000)
    engine.receive(b"NOOP\r\n")
    engine.next_event()
    said = engine.answer(Reply(250, ("straße " + "x" * 1000, "second")))
    lines = said.split(b"\r\n")
    assert lines[0].startswith(b"250-stra?e x")
    assert lines[1] == b"250 second"
    assert all(len(line) <= 510 for line in lines)
