from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from smtp.errors import AuthenticationFailed, Category
from smtp.sasl.bearer import OAuthBearer, XOAuth2
from smtp.sasl.credentials import BearerCredentials

# The example of RFC 7628 section 4.1, and Google's of XOAUTH2.
TOKEN = "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg=="
ANN = BearerCredentials("user@example.com", TOKEN, "server.example.com", 143)
ERROR = {"status": "invalid_token", "scope": "example_scope", "openid-configuration": "https://example.com/x"}

Bearer = Callable[[BearerCredentials], OAuthBearer | XOAuth2]


def oauthbearer(who: BearerCredentials) -> OAuthBearer:
    return OAuthBearer(who.username, who.token, who.host, who.port)


def xoauth2(who: BearerCredentials) -> XOAuth2:
    return XOAuth2(who.username, who.token)


each = pytest.mark.parametrize("bearer", [oauthbearer, xoauth2])


def test_the_standard_form_is_preferred() -> None:
    assert [ANN.mechanism(name, None).name for name in ANN.names] == ["OAUTHBEARER", "XOAUTH2"]


def test_oauthbearer_is_the_message_of_rfc_7628() -> None:
    assert oauthbearer(ANN).start() == (
        b"n,a=user@example.com,\x01host=server.example.com\x01port=143\x01auth=Bearer "
        + TOKEN.encode()
        + b"\x01\x01"
    )


def test_oauthbearer_escapes_what_gs2_gives_a_meaning() -> None:
    message = oauthbearer(BearerCredentials("a=b,c", "t", "h", 25)).start()
    assert message is not None
    assert message.startswith(b"n,a=a=3Db=2Cc,\x01")


def test_xoauth2_is_the_message_that_google_documents() -> None:
    message = xoauth2(BearerCredentials("someuser@example.com", "ya29.vF9dft4qmTc2", "h", 25)).start()
    assert message == b"user=someuser@example.com\x01auth=Bearer ya29.vF9dft4qmTc2\x01\x01"


def test_each_error_challenge_is_answered_in_its_own_way() -> None:
    challenge = json.dumps(ERROR).encode()
    assert oauthbearer(ANN).respond(challenge) == b"\x01"
    assert xoauth2(ANN).respond(challenge) == b""


@each
def test_the_servers_json_becomes_a_readable_reason(bearer: Bearer) -> None:
    mechanism = bearer(ANN)
    assert mechanism.reason == ""
    mechanism.respond(json.dumps(ERROR).encode())
    assert mechanism.reason == "status invalid_token, scope example_scope"


@each
def test_google_s_json_is_readable_too(bearer: Bearer) -> None:
    mechanism = bearer(ANN)
    mechanism.respond(b'{"status":"400","schemes":"Bearer","scope":"https://mail.google.com/"}')
    assert mechanism.reason == "status 400, scope https://mail.google.com/, schemes Bearer"


@pytest.mark.parametrize(
    ("challenge", "reason"),
    [
        (b"go away", "go away"),
        (b"[1, 2]", "[1, 2]"),
        (b"{}", "{}"),
        (b'{"status": {"deep": 1}}', '{"status": {"deep": 1}}'),
        (b"\xff\xfe\x00", "\ufffd\ufffd"),
        (b"\x00\x01", "an error without an explanation"),
        (b'{"status": "\\u001b[2Jx\\u202e"}', "status [2Jx"),
    ],
)
def test_whatever_comes_instead_of_the_json_is_shown_as_far_as_it_can_be(
    challenge: bytes, reason: str
) -> None:
    mechanism = oauthbearer(ANN)
    mechanism.respond(challenge)
    assert mechanism.reason == reason


def test_json_nested_to_hurt_is_survived() -> None:
    mechanism = oauthbearer(ANN)
    mechanism.respond(b"[" * 12_000)
    assert mechanism.reason.startswith("[[[")


def test_a_server_that_echoes_the_token_does_not_get_it_into_the_reason() -> None:
    mechanism = xoauth2(ANN)
    mechanism.respond(json.dumps({"status": f"bad token {TOKEN}"}).encode())
    assert mechanism.reason == "status bad token <hidden>"


@each
def test_an_accepting_reply_after_an_error_challenge_is_a_failure(bearer: Bearer) -> None:
    mechanism = bearer(ANN)
    mechanism.respond(b'{"status":"400"}')
    with pytest.raises(AuthenticationFailed, match="status 400"):
        mechanism.finish()


@each
def test_a_second_challenge_after_the_error_is_not_answered(bearer: Bearer) -> None:
    for second in (b"", b'{"status":"401"}'):
        mechanism = bearer(ANN)
        mechanism.respond(b'{"status":"400"}')
        with pytest.raises(AuthenticationFailed):
            mechanism.respond(second)


@each
def test_an_empty_challenge_is_the_go_ahead_for_the_message(bearer: Bearer) -> None:
    mechanism = bearer(ANN)
    assert mechanism.respond(b"") == bearer(ANN).start()
    mechanism.finish()


@each
@pytest.mark.parametrize("who", [("ann\x01auth=Bearer stolen", TOKEN), ("ann", TOKEN + "\r\nNOOP")])
def test_what_would_end_a_field_is_refused(bearer: Bearer, who: tuple[str, str]) -> None:
    with pytest.raises(AuthenticationFailed) as caught:
        bearer(BearerCredentials(*who, "h", 25)).start()
    assert caught.value.category is Category.CONFIGURATION
    assert who[1] not in str(caught.value)
