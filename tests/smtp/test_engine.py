"""The engine without a socket: which command may be written when, and which reply belongs to which."""

from __future__ import annotations

import pytest

from smtp import commands
from smtp.engine import Answer, Engine
from smtp.envelope import Address
from smtp.errors import LocalProtocolError, RemoteProtocolError, Step
from smtp.reply import Reply
from smtp.state import ALLOWED, ANSWERED, EXPECTED, Kind, State, Verdict, judge

A = Address("a", "example.com")
MAIL, RCPT = commands.mail(A), commands.rcpt(A)
CHUNK, LAST = commands.bdat(3, last=False), commands.bdat(3, last=True)


def answers(engine: Engine, *replies: bytes) -> list[Answer]:
    engine.receive(b"".join(reply + b"\r\n" for reply in replies))
    taken = []
    while (answer := engine.next_answer()) is not None:
        taken.append(answer)
    return taken


def ready() -> Engine:
    engine = Engine()
    answers(engine, b"220 hi")
    engine.send(commands.ehlo("me.example"))
    answers(engine, b"250 hi")
    return engine


def test_nothing_but_the_banner_is_first() -> None:
    engine = Engine()
    for command in (commands.ehlo("me.example"), commands.QUIT, MAIL):
        with pytest.raises(LocalProtocolError):
            engine.send(command)
    assert engine.step is Step.BANNER


def test_every_row_of_the_tables_can_be_answered() -> None:
    assert set(ALLOWED) <= set(ANSWERED)
    assert set(EXPECTED) == set(Kind)
    for (state, kind), goal in ALLOWED.items():
        accepted, _ = ANSWERED[(state, kind)]
        assert accepted is goal


def test_a_server_that_wants_a_message_is_never_taken_for_one_that_does_not() -> None:
    for state in (State.READY, State.MAIL, State.RCPT, State.SPOILED):
        assert ANSWERED[(state, Kind.DATA)][0] is State.DATA


def test_no_transaction_begins_on_what_is_left_of_a_spoiled_one() -> None:
    for (state, kind), (accepted, refused) in ANSWERED.items():
        if state is State.SPOILED and kind not in (Kind.RSET, Kind.QUIT):
            assert {accepted, refused} <= {State.SPOILED, State.DATA}


def right_codes(kind: Kind) -> set[int]:
    if kind in (Kind.BANNER, Kind.STARTTLS):
        return {220}
    if kind in (Kind.AUTH, Kind.AUTH_RESPONSE):
        return {235}
    if kind in (Kind.EHLO, Kind.HELO):
        return {250}
    return {354} if kind is Kind.DATA else set(range(200, 300))


@pytest.mark.parametrize("kind", list(Kind))
def test_only_the_right_codes_accept(kind: Kind) -> None:
    meanings = {code: judge(State.READY, kind, Reply(code, ("text",)))[0] for code in range(100, 600)}
    assert {code for code, meaning in meanings.items() if meaning is Verdict.ACCEPTED} == right_codes(kind)
    assert {code for code, meaning in meanings.items() if meaning is Verdict.REFUSED} == set(range(400, 600))
    continuing = {code for code, meaning in meanings.items() if meaning is Verdict.CONTINUE}
    assert continuing == ({334} if kind in (Kind.AUTH, Kind.AUTH_RESPONSE) else set())


def test_replies_are_matched_first_in_first_out() -> None:
    engine = ready()
    written = b"".join(engine.send(c) for c in (MAIL, RCPT, RCPT, commands.DATA))
    assert written == MAIL.line + RCPT.line + RCPT.line + b"DATA\r\n"
    taken = answers(engine, b"250 1", b"550 2", b"250 3", b"354 4")
    assert [(a.command.kind, a.reply.text, a.is_accepted) for a in taken] == [
        (Kind.MAIL, "1", True),
        (Kind.RCPT, "2", False),
        (Kind.RCPT, "3", True),
        (Kind.DATA, "4", True),
    ]
    assert engine.state is State.DATA


@pytest.mark.parametrize("last", [commands.ehlo("me.example"), commands.DATA, commands.NOOP, commands.QUIT])
def test_what_ends_a_group_is_the_last_to_be_written(last: commands.Command) -> None:
    engine = ready()
    if last is commands.DATA:
        engine.send(MAIL)
        engine.send(RCPT)
    engine.send(last)
    with pytest.raises(LocalProtocolError, match="before the answer"):
        engine.send(commands.RSET)


def test_a_second_transaction_may_follow_the_last_chunk_at_once() -> None:
    engine = ready()
    for command in (MAIL, RCPT, LAST, commands.RSET, MAIL, RCPT, LAST):
        engine.send(command)
    taken = answers(engine, b"250 1", b"250 2", b"554 3", b"250 4", b"250 5", b"250 6", b"250 7")
    assert [a.is_accepted for a in taken] == [True, True, False, True, True, True, True]
    assert engine.state is State.READY
    assert not engine.pending
    assert engine.reader.is_empty


def test_data_and_chunks_do_not_mix() -> None:
    engine = ready()
    for command in (MAIL, RCPT, CHUNK):
        engine.send(command)
    with pytest.raises(LocalProtocolError):
        engine.send(commands.DATA)
    answers(engine, b"250 1", b"250 2", b"250 3")
    engine.send(LAST)
    with pytest.raises(LocalProtocolError):
        engine.send(CHUNK)


def test_a_refused_chunk_is_followed_by_no_other() -> None:
    engine = ready()
    for command in (MAIL, RCPT, CHUNK):
        engine.send(command)
    answers(engine, b"250 1", b"250 2", b"552 too big")
    for command in (CHUNK, LAST, MAIL):
        with pytest.raises(LocalProtocolError):
            engine.send(command)
    engine.send(commands.RSET)
    answers(engine, b"250 ok")
    assert engine.state is State.READY


def test_a_reply_that_nothing_waits_for_is_a_violation() -> None:
    engine = ready()
    engine.receive(b"250 again\r\n")
    assert not engine.reader.is_empty
    with pytest.raises(RemoteProtocolError, match="out of turn"):
        engine.next_answer()
    assert engine.state is State.CLOSED


@pytest.mark.parametrize("reply", [b"250 ok", b"354 go", b"100 wait", b"nonsense", b"220-a\r\n250 b"])
def test_only_220_lets_tls_begin(reply: bytes) -> None:
    engine = ready()
    engine.send(commands.STARTTLS)
    engine.receive(reply + b"\r\n")
    with pytest.raises(RemoteProtocolError):
        engine.next_answer()
    with pytest.raises(LocalProtocolError):
        engine.send(MAIL)


def test_between_220_and_the_handshake_nothing_may_be_written() -> None:
    engine = ready()
    engine.send(commands.STARTTLS)
    answers(engine, b"220 go")
    for command in (commands.ehlo("me.example"), MAIL, commands.auth("PLAIN", b"x"), commands.QUIT):
        with pytest.raises(LocalProtocolError):
            engine.send(command)
    engine.tls_started()
    with pytest.raises(LocalProtocolError):
        engine.send(MAIL)
    assert engine.send(commands.ehlo("me.example"))


def test_421_closes_whatever_was_asked_but_later_answers_are_still_matched() -> None:
    engine = ready()
    for command in (MAIL, RCPT, LAST):
        engine.send(command)
    (first,) = answers(engine, b"421 bye")
    assert (first.command.kind, engine.state) == (Kind.MAIL, State.CLOSED)
    assert len(engine.pending) == 2
    with pytest.raises(LocalProtocolError):
        engine.send(commands.QUIT)
    second, third = answers(engine, b"503 no", b"503 no")
    assert (second.command.kind, third.command.kind) == (Kind.RCPT, Kind.BDAT_LAST)


def test_the_transcript_has_no_credential_and_no_challenge() -> None:
    engine = ready()
    engine.send(commands.auth("LOGIN", None))
    answers(engine, b"334 VXNlcm5hbWU6")
    engine.send(commands.auth_response(b"hunter2"))
    answers(engine, b"235 welcome")
    text = str(engine.transcript)
    assert "C: AUTH LOGIN\nS: 334 <challenge>\nC: <credentials>\nS: 235 welcome" in text
    assert "VXNlcm5hbWU6" not in text
    assert "hunter2" not in text
    assert "aHVudGVyMg" not in text


def test_the_transcript_is_bounded() -> None:
    engine = ready()
    for _ in range(500):
        engine.send(commands.NOOP)
        answers(engine, b"250 ok")
    assert len(str(engine.transcript).splitlines()) == 200
