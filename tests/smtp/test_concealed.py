"""A secret that a stranger repeats, in whatever form."""

from __future__ import annotations

import base64
from urllib.parse import quote, quote_plus

import pytest

from smtp.reply import ReplyReader
from smtp.text import Concealer

SECRET = "c4nary P\u00e4ss/w0rd+x=&y"
OCTETS = SECRET.encode()
FORMS = {
    "itself": SECRET,
    "capitals": SECRET.upper(),
    "percent-encoded": quote(SECRET, safe=""),
    "percent-encoded in small letters": quote(SECRET, safe="").lower(),
    "as in a form": quote_plus(SECRET),
    "hex": OCTETS.hex(),
    "hex in capitals": OCTETS.hex().upper(),
    "base64": base64.b64encode(OCTETS).decode(),
    "base64 of URLs": base64.urlsafe_b64encode(OCTETS).decode(),
}


def shown_of(form: str, shown: str) -> str:
    """The longest part of `form` that can be read in `shown`."""
    form, shown = form.lower(), shown.lower()
    parts = {form[a:b] for a in range(len(form)) for b in range(a + 1, len(form) + 1)}
    return max((part for part in parts if part in shown), key=len, default="")


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("text", ["{}", "what is {}?", "AUTH {} {}", "x{}x"])
def test_no_form_of_it_is_shown(form: str, text: str) -> None:
    hidden = Concealer(SECRET).hide(text.format(form, form))
    assert len(shown_of(form, hidden.replace("<hidden>", "\0"))) < 6


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_no_part_of_it_is_shown(form: str) -> None:
    for cut in (form[: len(form) // 2], form[len(form) // 2 :], form[3:12]):
        assert Concealer(SECRET).hide(f"unknown: {cut}") == "unknown: <hidden>"


def test_what_stands_around_it_stays() -> None:
    concealer = Concealer("hunter2hunter2", "second-secret")
    assert concealer.hide("before hunter2 between second-secret after") == (
        "before <hidden> between <hidden> after"
    )
    assert (
        concealer.hide("5.7.8 Username and Password not accepted")
        == "5.7.8 Username and Password not accepted"
    )


def test_a_short_one_is_found_where_it_is_a_word() -> None:
    assert Concealer("abc").hide("login abc failed: ABC, abcd") == "login <hidden> failed: <hidden>, abcd"
    assert Concealer("p:1").hide("what is p%3A1 or p:1 or cDox") == "what is <hidden> or <hidden> or <hidden>"


def test_none_hides_nothing() -> None:
    assert Concealer("", "").hide("anything at all") == "anything at all"


def test_letters_that_change_their_length_in_lower_case_move_nothing() -> None:
    assert Concealer("s3cret-word").hide("\u0130\u0130 s3cret-word \u0130") == "\u0130\u0130 <hidden> \u0130"


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_a_reply_shows_none_of_it(form: str) -> None:
    reader = ReplyReader()
    reader.conceal(SECRET)
    reader.feed(f"535 5.7.8 no: {form[:-2]}\r\n".encode())
    reply = reader.next_reply()
    assert reply is not None
    assert (reply.code, reply.enhanced_code, reply.text) == (535, "5.7.8", "no: <hidden>")
