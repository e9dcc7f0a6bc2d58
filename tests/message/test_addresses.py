"""Address lists as people, playbooks and attackers write them."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from message.address.mailbox import Mailbox, ascii_domain, look_alikes, parse_list, unique
from message.errors import MessageError
from smtp.envelope import Address
from smtp.errors import InvalidValue
from tests.support.growth import grows_linearly


def found(value: object) -> list[str]:
    mailboxes = parse_list(value, "to")  # type: ignore[arg-type] # wrong types are part of the tests
    return [f"{m.name}|{m.address}" for m in mailboxes]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("bob@example.com", ["|bob@example.com"]),
        (
            '"Doe, Jane" <jane@example.com>, bob@example.com',
            ["Doe, Jane|jane@example.com", "|bob@example.com"],
        ),
        ("a@x, b@x; c@x\nd@x\r\ne@x", ["|a@x", "|b@x", "|c@x", "|d@x", "|e@x"]),
        (",, a@x ;;\n\n, b@x,", ["|a@x", "|b@x"]),
        ("Name<mailto:a@b>", ["Name|a@b"]),
        ("<MAILTO:a%2Bc@b?subject=hello>", ["|a+c@b"]),
        ("mailto:a@b, mailto:c@d", ["|a@b", "|c@d"]),
        ("a@b<mailto:a@b>", ["|a@b"]),
        ("A@b (work) <a@B>, x@y", ["|a@B", "|x@y"]),
        ("Name [x] <a@b>", ["Name [x]|a@b"]),
        ("Team: a@x, Jane <b@x>; c@x", ["|a@x", "Jane|b@x", "|c@x"]),
        ("undisclosed-recipients:;", []),
        ("Jane (the (big) boss) Doe <j@x> (work)", ["Jane Doe|j@x"]),
        ("John Q. Public <j@x>", ["John Q. Public|j@x"]),
        ('Jörg "der  Große" Ä <j@x>', ["Jörg der Große Ä|j@x"]),
        ("=?utf-8?q?J=C3=B6rg?= =?utf-8?b?IE0u?= <j@x>", ["Jörg M.|j@x"]),
        ("=?no-such-charset?q?J?= <j@x>", ["=?no-such-charset?q?J?=|j@x"]),
        (r'"a\"b c"@x', [r'|"a\"b c"@x']),
        ("a@[192.0.2.1], b@[IPv6:2001:db8::1]", ["|a@[192.0.2.1]", "|b@[IPv6:2001:db8::1]"]),
        ('["a@x", "Doe <b@x>, c@x"]', ["|a@x", "Doe|b@x", "|c@x"]),
        (["a@x", "b@x"], ["|a@x", "|b@x"]),
        ("", []),
        (None, []),
    ],
)
def test_what_is_written_is_what_is_meant(value: object, expected: list[str]) -> None:
    assert found(value) == expected


@pytest.mark.parametrize(
    "value",
    [
        "a@ok(x)evil",
        "a@ok<b@evil>",
        "a@ok <b@evil>",
        "a@ok> ORCPT=x",
        "a b@x",
        "a@b@c",
        "a..b@x",
        ".a@x",
        "a@x.",
        "a@",
        "@x",
        "bob",
        "<>",
        "<a@x",
        "a@x>",
        "<a@x> b",
        "<<a@x>>",
        '"a@x',
        '"a"b@x',
        '"a\\" <b@x>',
        "a@[x",
        "a@[x]y",
        "(a@x",
        "a\\b@x",
        "Team: a@x",
        "Team: Other: a@x;",
        ": a@x;",
        "a@x\x00",
        "a\x7f@x",
        "a\ud800@x",
        "a@exa\u200bmple.com",
        "a\u202ab@x",
        "a\u00a0b@x",
        "a@-x",
        "a@i❤.ws",
        "x" * 65 + "@x",
        "a@" + "x" * 64,
        "=?utf-8?q?x=0D=0ABcc_y?= <a@x>",
        "=?u\udce3?q?x?= <a@x>",
        '"J\u202egpj.exe" <a@x>',
        "[1]",
        [1],
        ["a@x", None],
    ],
)
def test_what_is_no_address_is_refused_naming_the_field(value: object) -> None:
    with pytest.raises(MessageError) as caught:
        found(value)
    assert [fault.field for fault in caught.value.faults] == ["to"]


def test_quoted_local_part_with_an_smtp_parameter_in_it_stays_quoted() -> None:
    (mailbox,) = parse_list('"a@evil> ORCPT=x"@ok', "to")
    assert mailbox.address.local_part == "a@evil> ORCPT=x"
    assert str(mailbox.address) == '"a@evil> ORCPT=x"@ok'


def test_header_injected_behind_a_line_break_is_no_address() -> None:
    with pytest.raises(MessageError, match="'Bcc: c@d' is not a valid address"):
        parse_list("a@b\r\nBcc: c@d", "to")


def test_every_bad_address_is_named_and_escaped_and_capped() -> None:
    with pytest.raises(MessageError) as caught:
        parse_list(f"good@x, bad one, x\x1b[31m@y, {'z' * 500}", "cc")
    first, second, third = map(str, caught.value.faults)
    assert first.startswith("cc: 'bad one' is not a valid address: ")
    assert r"'x\x1b'" in second or r"x\x1b" in second
    assert "…'" in third
    assert len(third) < 250


def test_thousands_of_bad_addresses_are_counted_instead_of_listed() -> None:
    with pytest.raises(MessageError) as caught:
        parse_list("x," * 1000, "to")
    assert len(caught.value.faults) == 101
    assert str(caught.value.faults[-1]) == "to: 900 more addresses are not valid"


def test_forgotten_comma_is_not_taken_for_a_name() -> None:
    with pytest.raises(MessageError, match="is a comma missing"):
        parse_list("a@x <b@x>", "to")


_PIECES = '( "\\" [ [[] \\ : a: () =? "a" =?utf-8?q?a?= <( ; (\\ <> @'


def read(text: str) -> None:
    with suppress(MessageError):
        parse_list(text, "to")


@pytest.mark.parametrize("piece", ["((((", ",,,,", '"', "<<<<"])
def test_a_megabyte_takes_time_in_proportion(piece: str) -> None:
    assert grows_linearly(lambda size: read(piece * (size // len(piece))), 250_000)


@pytest.mark.parametrize("piece", [*_PIECES.split(" "), "x <", "\n", "a@b <", "a "])
def test_time_grows_with_the_length_only(piece: str) -> None:
    assert grows_linearly(lambda size: read(piece * (size // len(piece))), 50_000)


def test_recipients_are_read_in_time_that_is_linear() -> None:
    def read_many(count: int) -> None:
        text = ", ".join(f'"User, {n}" <user{n}@example{n % 7}.com>' for n in range(count))
        assert len(parse_list(text, "to")) == count

    assert grows_linearly(read_many, 2_500)


def test_duplicates_are_dropped_and_the_first_spelling_is_kept() -> None:
    mailboxes = parse_list("Bob@Example.com, Robert <bob@example.COM>, ann@example.com", "to")
    assert [str(m.address) for m in unique(mailboxes)] == ["Bob@Example.com", "ann@example.com"]


def test_international_domain_has_an_ascii_form() -> None:
    assert str(ascii_domain(Address("a", "Bücher.example"))) == "a@xn--bcher-kva.example"
    assert str(ascii_domain(Address("a", "例え。テスト"))) == "a@xn--r8jz45g.xn--zckzah"
    address = Address("a", "[192.0.2.1]")
    assert ascii_domain(address) is address


def test_domain_without_an_ascii_form_names_the_address() -> None:
    with pytest.raises(InvalidValue, match=r"'a@i❤\.ws'"):
        ascii_domain(Address("a", "i❤.ws"))
    with pytest.raises(MessageError, match=r"'a@i❤\.ws'"):
        parse_list("a@i❤.ws", "to")


@pytest.mark.parametrize("domain", ["аpple.com", "раураӏ.com", "gοοgle.com", "αpple.com", "ехаmple.org"])
def test_domain_that_looks_like_another_is_shown_as_what_it_is(domain: str) -> None:
    (warning,) = look_alikes(parse_list(f"a@{domain}", "to"))
    assert "xn--" in warning
    assert domain in warning


@pytest.mark.parametrize(
    "domain", ["münchen.de", "例え.テスト", "пример.рф", "한국.kr", "παράδειγμα.ελ", "example.com"]
)
def test_ordinary_international_domain_has_no_warning(domain: str) -> None:
    assert look_alikes(parse_list(f"a@{domain}", "to")) == ()


_LOCAL_PARTS = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=30)
_NAMES = st.text(
    st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp", "Cf", "Cn", "Co")), max_size=40
).map(lambda name: " ".join(name.split()))


@settings(max_examples=100)
@given(st.lists(st.tuples(_NAMES, _LOCAL_PARTS), min_size=1, max_size=5))
def test_what_is_quoted_by_the_rules_is_read_back(entries: list[tuple[str, str]]) -> None:
    mailboxes = [Mailbox(name, Address(local, "example.com")) for name, local in entries if "=?" not in name]
    text = ", ".join(
        '"{}" <{}>'.format(m.name.replace("\\", "\\\\").replace('"', '\\"'), m.address) for m in mailboxes
    )
    assert list(parse_list([text], "to")) == mailboxes


@settings(max_examples=300)
@given(st.text(alphabet='ab@x.<>"(),;:\\[] \t\r\n=?é', max_size=40))
@example('"a@b>"@c')
def test_what_is_accepted_can_be_written_and_read_again(text: str) -> None:
    try:
        mailboxes = parse_list([text], "to")
    except MessageError:
        return
    for mailbox in mailboxes:
        (again,) = parse_list(f"<{mailbox.address}>", "to")
        assert again.address == mailbox.address
