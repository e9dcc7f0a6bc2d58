"""Addresses as they come out of a clipboard: what has one reading is understood, the rest has a proposal."""

from __future__ import annotations

import pytest

from message.address.mailbox import parse_list, unique
from message.address.names import decoded
from message.errors import MessageError
from smtp.envelope import Address
from smtp.errors import InvalidValue
from tests.message.reading import email, headers_of, octets, read
from tests.support.growth import grows_linearly


def understood(text: str) -> tuple[list[str], list[str]]:
    warnings: list[str] = []
    return [f"{m.name}|{m.address}" for m in parse_list(text, "to", warnings)], warnings


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("\u200ba@b.com", ["|a@b.com"]),
        ("\ufeffa@b.com\u200b", ["|a@b.com"]),
        ("\u202aa@b.com\u202c", ["|a@b.com"]),
        ("Jane <\u200ba@b.com\u2060>", ["Jane|a@b.com"]),
        ('"a@b.com"', ["|a@b.com"]),
        ("'a@b.com'", ["|a@b.com"]),
        ("“a@b.com”, «c@d.com»", ["|a@b.com", "|c@d.com"]),
        ("'Jane' <'a@b.com'>", ["Jane|a@b.com"]),
        ("Jane Doe a@b.com", ["Jane Doe|a@b.com"]),
        ("Łukasz a@b.com; 山田 c@d.com", ["Łukasz|a@b.com", "山田|c@d.com"]),
        ("Last, First <a@b.com>; Two, Other <c@d.com>", ["Last, First|a@b.com", "Two, Other|c@d.com"]),
        ("Last, First <a@b.com>; c@d.com; e@f.com", ["Last, First|a@b.com", "|c@d.com", "|e@f.com"]),
    ],
)
def test_what_has_one_reading_is_understood_and_told(text: str, expected: list[str]) -> None:
    found, warnings = understood(text)
    assert found == expected
    assert warnings
    assert all(" is taken for " in warning and warning.startswith("to: ") for warning in warnings)


@pytest.mark.parametrize(
    "text",
    [
        "[EXT] x <a@b.com>",
        "[EXT: y] x <a@b.com>",
        "Jane\u2009Doe <a@b.com>",
        "a@b.com\u2003",
        "\u3000a@b.com",
        "Jane (x) <a@b.com>",
    ],
)
def test_marks_and_spaces_of_all_kinds_are_no_hindrance(text: str) -> None:
    found, _ = understood(text)
    assert [entry.partition("|")[2] for entry in found] == ["a@b.com"]


@pytest.mark.parametrize(
    ("text", "proposal"),
    [
        ("foo..bar@x.com", "'foo.bar@x.com' or '\"foo..bar\"@x.com'"),
        (".foo@x.com", "'foo@x.com' or '\".foo\"@x.com'"),
        ("a@x.com.", "'a@x.com'"),
        ("a@x.com>", "'a@x.com'"),
        ("a＠x.com", "'a@x.com'"),
        ("a @ x.com", "'a@x.com'"),
        ("bad one@x.com", "'\"bad\" <one@x.com>'"),
        ("a@exam\u200bple.com", "'a@example.com'"),
        ("Last, First <a@b.com>", ""),
        ("Jane [a@x.com]", "'a@x.com'"),
        ("Jane [mailto:a@x.com]", "'a@x.com'"),
        ('<a href="mailto:a@x.com">a@x.com</a>', "'a@x.com'"),
        ("Jane <a@x.com> wrote:", "'a@x.com'"),
        ("**a@x.com**", "'a@x.com'"),
        ("a@x.com|b@x.com", ""),
    ],
)
def test_the_rest_is_refused_with_a_proposal(text: str, proposal: str) -> None:
    with pytest.raises(MessageError) as caught:
        understood(text)
    assert str(caught.value).partition("; did you mean ")[2] == (f"{proposal}?" if proposal else "")


@pytest.mark.parametrize(
    "text",
    [
        "a@b.com c@d.com",
        "a@x <b@x>",
        "Jane, bob@x.com",
        "bob, Jane <j@x.com>",
        "x@y, Last, First <a@b>; c@d",
        "Team: Jane <a@x>",
        "a\u200b@x.com",
        "Jane a@b.com c@d.com",
        "<a@b.com> x <c@d.com>",
        "'a@b.com' 'c@d.com'",
    ],
)
def test_what_could_be_meant_in_two_ways_is_not_guessed(text: str) -> None:
    with pytest.raises(MessageError):
        understood(text)


@pytest.mark.parametrize(
    "text",
    [
        "a@b-.com",
        "a@-b.com",
        "a@b.c-",
        "a@[999.1.1.1]",
        "a@[IPv6:::G]",
        "a@[x]",
        "a@[1.2.3]",
        "a@[::1]",
        "a@[IPv6:1.2.3.4]",
        "a@[IPv6:]",
        "a@[01.2.3.4]",
        "a@[IPv6:fe80::1%eth0]",
        "a@b..com",
        "a@.b",
    ],
)
def test_a_domain_that_no_server_can_be_found_for_is_refused(text: str) -> None:
    with pytest.raises(MessageError):
        understood(text)
    with pytest.raises(InvalidValue):
        Address("a", text.partition("@")[2])


@pytest.mark.parametrize(
    "domain",
    [
        "[192.0.2.1]",
        "[IPv6:2001:db8::1]",
        "[ipv6:::ffff:192.0.2.1]",
        "b-c.com",
        "b--c.com",
        "1.com",
        "x_y.com",
    ],
)
def test_a_domain_that_may_be_is_accepted(domain: str) -> None:
    assert understood(f"a@{domain}") == ([f"|a@{domain}"], [])


@pytest.mark.parametrize("form", ["mailto:{}", "<mailto:{}>", "Jane <mailto:{}>", "MAILTO:{}?subject=Hi"])
@pytest.mark.parametrize(
    ("linked", "meant"),
    [
        ("bob%2Btag@example.com", "bob+tag@example.com"),
        ("bob%40example.com", "bob@example.com"),
        ("j%C3%B6rg@example.com", "jörg@example.com"),
        ("bob@example.com", "bob@example.com"),
    ],
)
def test_an_address_copied_as_a_link_is_decoded(form: str, linked: str, meant: str) -> None:
    (mailbox,) = parse_list(form.format(linked), "to", [])
    assert str(mailbox.address) == meant


@pytest.mark.parametrize("form", ["mailto:{}", "<mailto:{}>"])
@pytest.mark.parametrize("linked", ["a%0Ab@c.com", "a%20b@c.com", "%22a%20b%22@c.com", "a%FF@c.com"])
def test_a_link_that_decodes_to_no_address_is_refused(form: str, linked: str) -> None:
    with pytest.raises(MessageError):
        parse_list(form.format(linked), "to", [])


def test_domains_are_the_same_when_their_a_labels_are() -> None:
    mailboxes = parse_list(
        "info@straße.de, info@strasse.de, info@STRASSE.de, info@STRAẞE.de, info@xn--strae-oqa.de", "to"
    )
    assert [str(m.address) for m in unique(mailboxes)] == ["info@straße.de", "info@strasse.de"]
    message = email(to="info@straße.de, info@strasse.de", smtputf8=False)
    assert [str(a) for a in message.envelope.recipients] == ["info@xn--strae-oqa.de", "info@strasse.de"]


def test_the_part_before_the_at_is_compared_as_it_is_but_for_its_case() -> None:
    mailboxes = parse_list("Weiß@x.com, weiss@x.com, WEISS@x.com", "to")
    assert [m.address.local_part for m in unique(mailboxes)] == ["Weiß", "weiss"]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("=?us-ascii?q?a?= =?utf-8?q?b?=", "ab"),
        ("=?US-ASCII*EN?Q?Keith_Moore?=", "Keith Moore"),
        ("=?utf-8?b?w7w=?= x =?utf-8?q?=C3=BC?=", "ü x ü"),
        ("=?utf-8?q?=C3?= =?utf-8?q?=BC?=", "ü"),
        ("a =?utf-8?q?b?=", "a b"),
        ("=?utf-8?q?a?= b", "a b"),
        ("=?iso-8859-1?q?=FC?=", "ü"),
        ("=?utf-8?b?w7w?=", "ü"),
        ("=?no-such?q?a?= =?utf-8?q?b?=", "=?no-such?q?a?=b"),
        ("=?utf-8?q?=FF?=", "=?utf-8?q?=FF?="),
        ("=?utf-8?x?a?=", "=?utf-8?x?a?="),
        ("=?utf-8?q?a_=20b?=", "a  b"),
    ],
)
def test_encoded_words_are_read_as_the_rules_have_it(written: str, meant: str) -> None:
    assert decoded(written) == meant


@pytest.mark.parametrize(
    "piece", ["=?", "=?a?b?", "=?utf-8?q?", "=?utf-8?q?a", "=?utf-8?q?a?=", "?=", "=?utf-8?b?=?"]
)
def test_half_finished_encoded_words_take_time_in_proportion(piece: str) -> None:
    assert grows_linearly(lambda size: decoded(piece * (size // len(piece))), 100_000)
    assert grows_linearly(
        lambda size: understood(f"{piece.replace('?', 'x') * (size // len(piece))} <a@b.com>"), 50_000
    )


def test_many_pasted_entries_take_time_in_proportion() -> None:
    assert grows_linearly(lambda size: understood("Last, First <a@b.com>; " * (size // 20)), 20_000)
    assert grows_linearly(lambda size: understood("Jane a@b.com; " * (size // 20)), 20_000)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("[jane@x.com](mailto:jane@x.com)", "|jane@x.com"),
        ("[jane@x.com](mailto:Jane@x.com?subject=Hello)", "|Jane@x.com"),
        ("[Jane Doe](mailto:jane@x.com), bob@x.com", "Jane Doe|jane@x.com"),
    ],
)
def test_a_link_of_markdown_is_an_address_with_its_name(text: str, meant: str) -> None:
    found, warnings = understood(text)
    assert found[0] == meant
    assert len(warnings) == 1
    assert " is taken for " in warnings[0]


def test_slashes_behind_mailto_are_no_part_of_the_address() -> None:
    assert understood("mailto://a@x.com")[0] == ["|a@x.com"]


def test_a_warning_reaches_whoever_asked_for_the_mail() -> None:
    message = email(to="Jane Doe a@b.com", sender="'s@x.com'")
    assert [w.partition(":")[0] for w in message.warnings] == ["to", "from"]
    assert read(message)["To"] == "Jane Doe <a@b.com>"


def test_who_is_shown_in_headers_and_gets_nothing_is_named() -> None:
    message = email(to="a@x", headers={"Cc": "b@x, A@x", "To": "c@x"})
    assert message.warnings == (
        "Cc in headers shows whom the mail is not sent to: b@x",
        "To in headers shows whom the mail is not sent to: c@x",
    )
    assert [str(a) for a in message.envelope.recipients] == ["a@x"]
    assert email(to="a@x, b@x", headers={"To": "b@x"}).warnings == ()


@pytest.mark.parametrize(
    "name",
    [
        "Department of Information Security, Incident Response, Region West (Example Corp.)",
        "A very long name of plain words only that goes on and on beyond the sixty characters of a line",
    ],
)
def test_a_long_name_in_ascii_is_folded_and_not_encoded(name: str) -> None:
    message = email(to=f'"{name}" <a@b.com>')
    assert b"=?" not in octets(message)
    assert max(map(len, octets(message).split(b"\r\n"))) <= 78
    assert read(message)["To"].addresses[0].display_name == name


@pytest.mark.parametrize("subject", ["Alert\r\n", "Alert\t", " Alert \n\n", "Alert\r"])
def test_white_space_around_a_subject_goes(subject: str) -> None:
    assert ("Subject", "Alert") in headers_of(email(subject=subject))
    assert ("Subject", "Alert") in headers_of(email(headers={"Subject": subject}))


def test_spaces_in_a_header_take_time_in_proportion() -> None:
    assert grows_linearly(lambda size: email(headers={"Reply-To": " " * size + "a@x"}), 50_000)
