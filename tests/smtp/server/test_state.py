"""The server's table: what may come when, and what holds then."""

from __future__ import annotations

import pytest

from smtp.commands import Kind
from smtp.server.state import ANSWERED, State, after, expected

S, K = State, Kind


def test_a_mail_goes_from_mail_to_its_end() -> None:
    state = S.READY
    for kind, code in ((K.EHLO, 250), (K.MAIL, 250), (K.RCPT, 250), (K.DATA, 354), (K.END, 250)):
        assert expected(state, kind) is not None
        state = after(state, kind, code)
    assert state is S.READY


@pytest.mark.parametrize(("state", "kind"), ANSWERED)
def test_421_ends_it_wherever_it_is_said(state: State, kind: Kind) -> None:
    assert after(state, kind, 421) is S.CLOSED


@pytest.mark.parametrize(
    ("state", "kind"),
    [
        (S.READY, K.RCPT),
        (S.READY, K.DATA),
        (S.MAIL, K.DATA),
        (S.MAIL, K.BDAT),
        (S.MAIL, K.MAIL),
        (S.CHUNKS, K.DATA),
        (S.CHUNKS, K.RCPT),
        (S.SPOILED, K.BDAT),
        (S.SPOILED, K.MAIL),
        (S.RCPT, K.STARTTLS),
        (S.MAIL, K.AUTH),
        (S.DATA, K.RSET),
        (S.NEGOTIATING, K.EHLO),
        (S.CLOSED, K.MAIL),
    ],
)
def test_what_may_not_come_has_no_row(state: State, kind: Kind) -> None:
    assert expected(state, kind) is None
    assert after(state, kind, 503) in (state, S.SPOILED)


def test_a_refused_chunk_spoils_the_transaction_until_rset() -> None:
    assert after(S.RCPT, K.BDAT, 452) is S.SPOILED
    assert after(S.CHUNKS, K.BDAT, 550) is S.SPOILED
    assert after(S.SPOILED, K.RSET, 250) is S.READY


def test_a_refused_recipient_leaves_the_others() -> None:
    assert after(S.MAIL, K.RCPT, 550) is S.MAIL
    assert after(S.RCPT, K.RCPT, 550) is S.RCPT


def test_every_state_that_a_client_can_leave_by_itself_has_quit_and_rset() -> None:
    for state in (S.READY, S.MAIL, S.RCPT, S.CHUNKS, S.SPOILED):
        assert expected(state, K.QUIT) is S.CLOSED
        assert expected(state, K.RSET) is S.READY


def test_a_chunk_behind_recipients_that_were_all_refused_ends_the_transaction() -> None:
    assert after(S.MAIL, K.BDAT_LAST, 554) is S.READY
    assert after(S.MAIL, K.BDAT, 554) is S.SPOILED
