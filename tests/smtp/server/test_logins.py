"""What clients say of themselves, in each mechanism, and what they may not say."""

from __future__ import annotations

import pytest

from smtp.sasl.bearer import OAuthBearer, XOAuth2
from smtp.sasl.plain import Login, Plain
from smtp.server.logins import PASSWORDS, TOKENS, BadResponse, ClientLogin


def test_our_own_client_is_understood() -> None:
    assert PASSWORDS["PLAIN"]().take(Plain("ann", "pw").message()) == ClientLogin("ann", "pw")
    token = ClientLogin("a,n=n", "tok.en", is_token=True)
    assert TOKENS["XOAUTH2"]().take(XOAuth2("a,n=n", "tok.en").message()) == token
    assert TOKENS["OAUTHBEARER"]().take(OAuthBearer("a,n=n", "tok.en", "h", 25).message()) == token
    exchange, client = PASSWORDS["LOGIN"](), Login("ann", "pw")
    said = exchange.take(client.start())
    while isinstance(said, bytes):
        said = exchange.take(client.respond(said))
    assert said == ClientLogin("ann", "pw")


def test_a_client_that_waits_to_be_asked_is_asked() -> None:
    for name in ("PLAIN", "XOAUTH2", "OAUTHBEARER"):
        assert {**PASSWORDS, **TOKENS}[name]().take(None) == b""
    exchange = PASSWORDS["LOGIN"]()
    assert (exchange.take(None), exchange.take(b"ann")) == (b"Username:", b"Password:")


def test_the_token_of_the_documented_form_is_understood() -> None:
    said = TOKENS["XOAUTH2"]().take(b"user=jane@example.test\x01auth=Bearer abc.def\x01\x01")
    assert said == ClientLogin("jane@example.test", "abc.def", is_token=True)


@pytest.mark.parametrize(
    ("mechanism", "response"),
    [
        ("PLAIN", b""),
        ("PLAIN", b"ann\0pw"),
        ("PLAIN", b"\0\0pw"),
        ("PLAIN", b"other\0ann\0pw"),
        ("PLAIN", b"\0\xff\0pw"),
        ("XOAUTH2", b""),
        ("XOAUTH2", b"user=a\x01auth=Basic x\x01\x01"),
        ("XOAUTH2", b"user=a\x01auth=Bearer \x01\x01"),
        ("XOAUTH2", b"user=a\x01auth=Bearer a\r\nb\x01\x01"),
        ("OAUTHBEARER", b"p=x,a=a,\x01auth=Bearer t\x01\x01"),
        ("OAUTHBEARER", b"user=a\x01auth=Bearer t\x01\x01"),
    ],
)
def test_what_has_not_the_form_is_refused(mechanism: str, response: bytes) -> None:
    with pytest.raises(BadResponse):
        {**PASSWORDS, **TOKENS}[mechanism]().take(response)


def test_a_secret_does_not_show() -> None:
    assert "pw" not in repr(ClientLogin("ann", "pw"))
