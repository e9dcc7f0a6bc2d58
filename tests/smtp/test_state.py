"""The state machine's rules said once more, command by command, as the RFCs have them."""

from __future__ import annotations

import pytest

from smtp.commands import Kind
from smtp.reply import Reply
from smtp.state import ALLOWED, ENDS_GROUP, State, Verdict, judge

YES, NO = Verdict.ACCEPTED, Verdict.REFUSED
TRANSACTION = (State.MAIL, State.RCPT, State.CHUNKS, State.SPOILED)
CHUNK = (Kind.BDAT, Kind.BDAT_LAST)

MAY_BE_WRITTEN = {
    State.START: "BANNER",
    State.GREETED: "EHLO HELO QUIT",
    State.READY: "EHLO STARTTLS AUTH MAIL RSET NOOP VRFY CHUNK_PROBE QUIT",
    State.NEGOTIATING: "",
    State.AUTHENTICATING: "AUTH_RESPONSE",
    State.MAIL: "RCPT RSET NOOP VRFY QUIT",
    State.RCPT: "RCPT DATA BDAT BDAT_LAST RSET NOOP VRFY QUIT",
    State.DATA: "END",
    State.CHUNKS: "BDAT BDAT_LAST RSET QUIT",
    State.SPOILED: "RSET VRFY QUIT",
    State.CLOSED: "",
}


ACCEPTING = {
    Kind.BANNER: 220,
    Kind.STARTTLS: 220,
    Kind.AUTH: 235,
    Kind.AUTH_RESPONSE: 235,
    Kind.DATA: 354,
}


def after(state: State, kind: Kind, code: int) -> State:
    _, following = judge(state, kind, Reply(code, ("text",)))
    return following


def then(state: State, kind: Kind, meaning: Verdict) -> State:
    """The state after an answer that means this to the command."""
    code = {YES: ACCEPTING.get(kind, 250), NO: 550, Verdict.CONTINUE: 334}[meaning]
    assert judge(state, kind, Reply(code, ("text",)))[0] is meaning
    return after(state, kind, code)


@pytest.mark.parametrize("state", State)
def test_only_what_the_rfcs_allow_may_be_written(state: State) -> None:
    assert {kind.name for kind in Kind if (state, kind) in ALLOWED} == set(MAY_BE_WRITTEN[state].split())


def test_a_command_leads_where_its_acceptance_leads() -> None:
    for (state, kind), goal in ALLOWED.items():
        assert then(state, kind, YES) is goal


def test_the_groups_of_pipelining_end_where_rfc_2920_ends_them() -> None:
    ends = "BANNER EHLO HELO STARTTLS AUTH AUTH_RESPONSE DATA NOOP VRFY QUIT"
    assert {kind.name for kind in ENDS_GROUP} == set(ends.split())


def test_a_refused_banner_is_the_end() -> None:
    assert then(State.START, Kind.BANNER, NO) is State.CLOSED


@pytest.mark.parametrize("kind", [Kind.EHLO, Kind.HELO])
def test_after_a_refused_greeting_it_is_still_due(kind: Kind) -> None:
    assert then(State.GREETED, kind, NO) is State.GREETED


@pytest.mark.parametrize("kind", [Kind.EHLO, Kind.STARTTLS, Kind.AUTH, Kind.MAIL, Kind.NOOP, Kind.VRFY])
def test_what_is_refused_outside_of_a_transaction_changes_nothing(kind: Kind) -> None:
    assert then(State.READY, kind, NO) is State.READY


def test_a_refused_login_is_over() -> None:
    assert then(State.AUTHENTICATING, Kind.AUTH_RESPONSE, NO) is State.READY
    assert then(State.READY, Kind.AUTH, Verdict.CONTINUE) is State.AUTHENTICATING
    assert then(State.AUTHENTICATING, Kind.AUTH_RESPONSE, Verdict.CONTINUE) is State.AUTHENTICATING


def test_a_refused_recipient_changes_nothing() -> None:
    assert then(State.MAIL, Kind.RCPT, NO) is State.MAIL
    assert then(State.RCPT, Kind.RCPT, NO) is State.RCPT
    assert then(State.MAIL, Kind.NOOP, NO) is State.MAIL
    assert then(State.RCPT, Kind.NOOP, NO) is State.RCPT


def test_after_the_end_of_a_message_there_is_no_transaction_whatever_the_answer() -> None:
    assert then(State.DATA, Kind.END, YES) is State.READY
    assert then(State.DATA, Kind.END, NO) is State.READY


def test_what_is_refused_inside_of_a_transaction_spoils_it() -> None:
    assert then(State.RCPT, Kind.DATA, NO) is State.SPOILED
    for kind in CHUNK:
        for state in (State.RCPT, State.CHUNKS):
            assert then(state, kind, NO) is State.SPOILED


def test_without_a_recipient_no_chunk_is_accepted_whatever_the_server_says() -> None:
    for state in (State.READY, State.MAIL, State.SPOILED):
        for kind in CHUNK:
            for meaning in (YES, NO):
                assert then(state, kind, meaning) is State.SPOILED


def test_a_server_that_asks_for_a_message_without_a_recipient_waits_for_its_end() -> None:
    for state in (State.READY, State.MAIL, State.SPOILED):
        assert then(state, Kind.DATA, YES) is State.DATA
    assert then(State.READY, Kind.DATA, NO) is State.READY
    assert then(State.MAIL, Kind.DATA, NO) is State.SPOILED
    assert then(State.SPOILED, Kind.DATA, NO) is State.SPOILED


def test_a_recipient_behind_a_refused_sender_can_only_make_things_worse() -> None:
    assert then(State.READY, Kind.RCPT, NO) is State.READY
    assert then(State.READY, Kind.RCPT, YES) is State.SPOILED
    for kind in (Kind.MAIL, Kind.RCPT):
        for meaning in (YES, NO):
            assert then(State.SPOILED, kind, meaning) is State.SPOILED


@pytest.mark.parametrize("state", [State.READY, *TRANSACTION])
def test_only_an_accepted_reset_ends_a_transaction(state: State) -> None:
    assert then(state, Kind.RSET, YES) is State.READY
    assert then(state, Kind.RSET, NO) is State.SPOILED


@pytest.mark.parametrize("state", [State.GREETED, State.READY, *TRANSACTION])
@pytest.mark.parametrize("meaning", [YES, NO])
def test_after_quit_all_is_over(state: State, meaning: Verdict) -> None:
    assert then(state, Kind.QUIT, meaning) is State.CLOSED


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("kind", Kind)
def test_a_violation_and_a_farewell_end_it_anywhere_and_nothing_begins_again(
    state: State, kind: Kind
) -> None:
    assert after(state, kind, 199) is State.CLOSED
    goes_on = kind is Kind.RCPT and state in (State.MAIL, State.RCPT)
    assert after(state, kind, 421) is (state if goes_on else State.CLOSED)
    for code in (220, 235, 250, 334, 354, 550):
        assert after(State.CLOSED, kind, code) is State.CLOSED


@pytest.mark.parametrize(
    ("kind", "reply", "expected"),
    [
        (Kind.BDAT_LAST, Reply(250, ("2.1.5 fine",)), True),
        (Kind.BDAT_LAST, Reply(250, ("2.0.0 queued",)), False),
        (Kind.BDAT_LAST, Reply(250, ("queued as 2.1.5",)), False),
        (Kind.BDAT_LAST, Reply(550, ("5.1.1 nobody",)), False),
        (Kind.RCPT, Reply(250, ("2.1.5 fine",)), False),
        (Kind.END, Reply(250, ("2.1.5 fine",)), False),
    ],
)
def test_a_reply_about_an_address_is_not_taken_for_one_about_a_message(
    kind: Kind, reply: Reply, expected: bool
) -> None:
    meaning, _ = judge(State.RCPT, kind, reply)
    assert (meaning is Verdict.OUT_OF_STEP) is expected
