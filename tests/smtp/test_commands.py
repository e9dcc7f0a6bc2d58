"""Commands: each is one line, whatever it was made of."""

from __future__ import annotations

import pytest

from smtp import commands
from smtp.envelope import Address, Envelope
from smtp.errors import InvalidValue

NASTY = ["a\r\nQUIT", "a\nb", "a\rb", "a\0b", "a\x1fb", "a\x7fb", "a\u2028b", "a\ud800b", "a\x85b"]


def test_mail_and_rcpt_render_the_path_and_the_parameters() -> None:
    address = Address("jane", "example.com")
    assert (
        commands.mail(address, ("SIZE=10", "SMTPUTF8")).line
        == b"MAIL FROM:<jane@example.com> SIZE=10 SMTPUTF8\r\n"
    )
    assert commands.rcpt(address).line == b"RCPT TO:<jane@example.com>\r\n"


def test_no_sender_is_the_null_reverse_path() -> None:
    assert commands.mail(None).line == b"MAIL FROM:<>\r\n"


@pytest.mark.parametrize(
    "local", ["a@evil> ORCPT=x", "two words", 'quo"te', "back\\slash", ".dot", "a..b", "a,b", ">"]
)
def test_a_local_part_that_is_no_atom_is_quoted(local: str) -> None:
    line = commands.rcpt(Address(local, "ok.example")).line.decode()
    inside = line.removeprefix('RCPT TO:<"').removesuffix('"@ok.example>\r\n')
    assert inside.replace('\\"', '"').replace("\\\\", "\\") == local


@pytest.mark.parametrize("nasty", NASTY)
def test_nothing_that_ends_a_line_gets_into_a_command(nasty: str) -> None:
    for make in (
        lambda: Address(nasty, "example.com"),
        lambda: Address("a", nasty),
        lambda: commands.ehlo(nasty),
        lambda: commands.helo(nasty),
        lambda: commands.vrfy(nasty),
        lambda: commands.auth(nasty, None),
        lambda: commands.mail(None, (nasty,)),
        lambda: commands.rcpt(Address("a", "example.com"), (f"ORCPT={nasty}",)),
    ):
        with pytest.raises(InvalidValue):
            make()


@pytest.mark.parametrize(
    "domain", ["", "ok(x)evil", "a b", "a>", "-a.example", "a..example", ".example", "[1.2.3.4", "a_b@c"]
)
def test_what_is_no_domain_is_refused(domain: str) -> None:
    with pytest.raises(InvalidValue):
        Address("a", domain)


@pytest.mark.parametrize(
    ("local", "domain"), [("x" * 65, "example.com"), ("é" * 33, "example.com"), ("x", "a" * 250 + ".example")]
)
def test_over_long_addresses_are_refused(local: str, domain: str) -> None:
    with pytest.raises(InvalidValue):
        Address(local, domain)


def test_an_envelope_without_smtputf8_is_ascii() -> None:
    with pytest.raises(InvalidValue, match="SMTPUTF8"):
        Envelope(None, (Address("jané", "example.com"),))
    with pytest.raises(InvalidValue, match="at least one"):
        Envelope(None, ())


def test_credentials_are_not_in_what_a_transcript_or_a_repr_shows() -> None:
    initial = commands.auth("PLAIN", b"\0jane\0hunter2")
    response = commands.auth_response(b"hunter2")
    assert initial.line == b"AUTH PLAIN AGphbmUAaHVudGVyMg==\r\n"
    for command in (initial, response):
        assert "hunter2" not in repr(command) + command.shown
        assert "aHVudGVyMg" not in repr(command) + command.shown


def test_an_empty_initial_response_is_an_equals_sign() -> None:
    assert commands.auth("EXTERNAL", b"").line == b"AUTH EXTERNAL =\r\n"
    assert commands.auth("LOGIN", None).line == b"AUTH LOGIN\r\n"
    assert commands.auth_response(b"").line == b"\r\n"


def test_a_long_token_does_not_fit_with_auth() -> None:
    assert len(commands.auth("XOAUTH2", b"x" * 300).line) <= commands.MAX_COMMAND_LINE
    assert len(commands.auth("XOAUTH2", b"x" * 4096).line) > commands.MAX_COMMAND_LINE


def test_a_chunk_announces_its_octets() -> None:
    assert commands.bdat(86, last=False).line == b"BDAT 86\r\n"
    assert commands.bdat(0, last=True).line == b"BDAT 0 LAST\r\n"
    with pytest.raises(InvalidValue):
        commands.bdat(-1, last=True)
