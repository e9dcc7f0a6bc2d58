"""to, cc, bcc: who gets the message, who is shown, and what is no address."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.catcher import Catcher
from tests.support.fixtures import Inbox
from tests.support.mail import sound
from tests.support.running import Runner, asset

A, B, C = "a@example.com", "b@example.com", "c@example.com"


def envelope(run: Runner, catcher: Catcher, inbox: Inbox, **parameters: Any) -> tuple[str, ...]:
    """Whom a message with these parameters went to."""
    result = run("send_email", asset(catcher), {"body": "x", **parameters})
    assert result.message == "Email sent"
    assert [each["address"] for each in result.data["recipients"]] == list(inbox.only.rcpt_tos)
    return inbox.only.rcpt_tos


@pytest.mark.parametrize(
    "value",
    [
        f"{A},{B},{C}",
        f"{A}; {B};{C}",
        f"{A}\n{B}\r\n{C}",
        f" {A} ,, {B};\n; {C},",
        [A, B, C],
        [f"{A}, {B}", C],
        json.dumps([A, B, C]),
        f"Friends: {A}, {B};, {C}",
        f"Nobody:;, {A}, Two: {B}, {C};",
        f"{A} (on holiday), (comment (nested)) {B}, <{C}>",
        f"<mailto:{A}>, Bob<mailto:{B}>, Cy <MAILTO:{C}>",
        f"{A}, {B}, A@Example.COM, {C}, <b@EXAMPLE.com>",
    ],
)
def test_an_address_list_may_be_written_in_many_ways(
    run: Runner, catcher: Catcher, inbox: Inbox, value: Any
) -> None:
    assert envelope(run, catcher, inbox, to=value) == (A, B, C)


def test_a_comma_in_a_quoted_name_separates_nothing(run: Runner, catcher: Catcher, inbox: Inbox) -> None:
    recipients = envelope(run, catcher, inbox, to='"Doe, Jane" <jane@example.com>, bob@example.com')
    assert recipients == ("jane@example.com", "bob@example.com")
    assert sound(inbox.only)["To"] == '"Doe, Jane" <jane@example.com>, bob@example.com'


def test_to_and_cc_are_shown_and_bcc_is_not(run: Runner, catcher: Catcher, inbox: Inbox) -> None:
    unseen = "unseen@x.org"
    assert envelope(run, catcher, inbox, to=A, cc=f"Bea <{B}>", bcc=unseen) == (A, B, unseen)
    mail = sound(inbox.only)
    assert (mail["To"], mail["Cc"]) == (A, f"Bea <{B}>")
    assert unseen.encode() not in mail.content


def test_somebody_named_in_several_parameters_gets_one_copy(
    run: Runner, catcher: Catcher, inbox: Inbox
) -> None:
    assert envelope(run, catcher, inbox, to=f"{A}, {B}", cc="B@example.com", bcc=f"{A}, {C}") == (A, B, C)


@pytest.mark.parametrize("nothing", [None, "", " ", ",", [], "[]", "undisclosed-recipients:;"])
def test_cc_and_bcc_may_be_empty(run: Runner, catcher: Catcher, inbox: Inbox, nothing: object) -> None:
    assert envelope(run, catcher, inbox, to=A, cc=nothing, bcc=nothing) == (A,)
    assert sound(inbox.only).all("Cc") == []


def test_a_message_may_go_to_hidden_recipients_only(run: Runner, catcher: Catcher, inbox: Inbox) -> None:
    assert envelope(run, catcher, inbox, to="undisclosed-recipients:;", bcc=f"{B},{C}") == (B, C)
    assert not sound(inbox.only).header.count(b"example.com>, ")


@pytest.mark.parametrize(
    ("value", "arrived"),
    [
        ('"john smith"@example.com', '"john smith"@example.com'),
        ('"a@b"@example.com', '"a@b"@example.com'),
        ('"plain"@example.com', "plain@example.com"),
        (r'"quote\"d"@example.com', r'"quote\"d"@example.com'),
        ("o'neil+tag=x@example.com", "o'neil+tag=x@example.com"),
        ("a@[192.0.2.1]", "a@[192.0.2.1]"),
        ("a@[IPv6:2001:db8::1]", "a@[IPv6:2001:db8::1]"),
        ("a@under_score.example.com", "a@under_score.example.com"),
        ("root@localhost", "root@localhost"),
    ],
)
def test_unusual_addresses_reach_the_server_as_they_are(
    run: Runner, catcher: Catcher, inbox: Inbox, value: str, arrived: str
) -> None:
    assert envelope(run, catcher, inbox, to=value) == (arrived,)
    assert sound(inbox.only)["To"] == arrived


@pytest.mark.parametrize(
    ("field", "value", "named"),
    [
        ("to", "jane", "'jane'"),
        ("to", "jane@", "'jane@'"),
        ("to", "@example.com", "'@example.com'"),
        ("to", "jane@example..com", "'jane@example..com'"),
        ("to", "jane doe@example.com", "'jane doe@example.com'"),
        ("to", "a@b@example.com", "'a@b@example.com'"),
        ("to", "<a@example.com", "'<a@example.com'"),
        ("to", '"a@example.com', "'\"a@example.com'"),
        ("to", ["good@example.com", "bad"], "'bad'"),
        ("cc", "good@example.com, b@d@example.com", "'b@d@example.com'"),
        ("bcc", "jane@exa mple.com", "'jane@exa mple.com'"),
        ("to", f"{'x' * 65}@example.com", "x" * 65),
        ("to", "jane@\u202eexample.com", r"jane@\u202eexample.com"),
        ("to", "jane\u200b@example.com", r"jane\u200b@example.com"),
    ],
)
def test_a_bad_address_names_itself_and_its_field_and_nothing_is_sent(
    run: Runner, catcher: Catcher, inbox: Inbox, field: str, value: Any, named: str
) -> None:
    result = run("send_email", asset(catcher), {"to": A, "body": "x", field: value})
    assert not result.succeeded
    assert result.message.startswith(f"Nothing was sent: {field}: ")
    assert named in result.message
    assert result.failure["step"] == "parameters"
    assert result.failure["category"] == "input"
    assert inbox.is_empty


def test_all_bad_addresses_of_all_fields_are_named_at_once(
    run: Runner, catcher: Catcher, inbox: Inbox
) -> None:
    parameters = {"to": "one, two@", "cc": "three", "bcc": [A, "@four"], "from": "five", "body": "x"}
    result = run("send_email", asset(catcher), parameters)
    for bad in ("to: 'one'", "to: 'two@'", "cc: 'three'", "bcc: '@four'", "from: 'five'"):
        assert bad in result.message
    assert inbox.is_empty


def test_no_recipient_at_all_is_an_error(run: Runner, catcher: Catcher, inbox: Inbox) -> None:
    result = run("send_email", asset(catcher), {"to": " , ", "body": "x"})
    assert result.message == "Nothing was sent: to: there is no recipient"
    assert inbox.is_empty


class TestInternationalAddresses:
    def test_a_domain_goes_as_its_a_label(self, run: Runner, catcher: Catcher, inbox: Inbox) -> None:
        recipients = envelope(run, catcher, inbox, to="Jürgen <j@bücher.example>", bcc="k@BÜCHER.example")
        assert recipients == ("j@xn--bcher-kva.example", "k@xn--bcher-kva.example")
        assert "SMTPUTF8" not in inbox.only.mail_parameters
        assert sound(inbox.only)["To"] == "Jürgen <j@xn--bcher-kva.example>"

    def test_two_spellings_of_one_domain_are_one_recipient(
        self, run: Runner, catcher: Catcher, inbox: Inbox
    ) -> None:
        recipients = envelope(run, catcher, inbox, to="j@bücher.example, j@xn--bcher-kva.example")
        assert recipients == ("j@xn--bcher-kva.example",)

    def test_a_local_part_that_is_not_ascii_uses_smtputf8(
        self, run: Runner, catcher: Catcher, inbox: Inbox
    ) -> None:
        assert envelope(run, catcher, inbox, to="用户@例え.jp", cc=A) == ("用户@例え.jp", A)
        assert "SMTPUTF8" in inbox.only.mail_parameters
        assert "To: 用户@例え.jp\r\n".encode() in inbox.only.content

    def test_without_smtputf8_at_the_server_it_fails_here(
        self, run: Runner, simple_catcher: Catcher, simple_inbox: Inbox
    ) -> None:
        result = run("send_email", asset(simple_catcher), {"to": f"{A}, jörg@example.com", "body": "x"})
        assert "to: 'jörg@example.com'" in result.message
        assert "Enable SMTPUTF8 support" in result.message
        assert simple_inbox.is_empty

    def test_without_leave_of_the_asset_it_fails_too(
        self, run: Runner, catcher: Catcher, inbox: Inbox
    ) -> None:
        fields = asset(catcher, allow_smtputf8=False)
        result = run("send_email", fields, {"to": A, "bcc": "jörg@example.com", "body": "x"})
        assert "bcc: 'jörg@example.com'" in result.message
        assert "Enable SMTPUTF8 support" in result.message
        assert inbox.is_empty

    def test_a_server_without_smtputf8_takes_a_domain_that_is_not_ascii(
        self, run: Runner, simple_catcher: Catcher, simple_inbox: Inbox
    ) -> None:
        parameters = {
            "to": "j@bücher.example",
            "body": "grüße",
            "subject": "größe",
            "from": "Ö <o@ö.example>",
        }
        result = run("send_email", asset(simple_catcher), parameters)
        assert result.message == "Email sent"
        assert simple_inbox.only.mail_from == "o@xn--nda.example"
        assert sound(simple_inbox.only)["From"] == "Ö <o@xn--nda.example>"
        assert str(result.data["message_id"]).endswith("@xn--nda.example>")


def test_two_thousand_recipients_are_all_reported(run: Runner, catcher: Catcher, inbox: Inbox) -> None:
    addresses = [f"Person {n} <person{n}@example.com>" for n in range(2000)]
    result = run("send_email", asset(catcher), {"to": ", ".join(addresses), "body": "x"})
    assert result.result["summary"] == {"recipients": 2000, "accepted": 2000, "refused": 0}
    assert inbox.only.rcpt_tos == tuple(f"person{n}@example.com" for n in range(2000))
    assert str(sound(inbox.only)["To"]).count("@example.com") == 2000
