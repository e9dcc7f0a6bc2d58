from __future__ import annotations

import hmac

import pytest

from smtp.errors import AuthenticationFailed, Category, NotOffered
from smtp.sasl.credentials import BearerCredentials, Credentials, ExternalCredentials, PasswordCredentials
from smtp.sasl.mechanism import ChannelBinding, Mechanism
from smtp.sasl.plain import CramMd5, External, Login, Plain
from smtp.session import Session
from smtp.text import MAX_SHOWN, showable
from tests.support.scripted import ScriptedServer, Settings

BINDING = ChannelBinding("tls-unique", b"\x01\x02")
CANARY = "c4nary-s3cret"


def mechanisms(credentials: Credentials, binding: ChannelBinding | None) -> list[Mechanism]:
    return [credentials.mechanism(name, binding) for name in credentials.names]


def names(credentials: Credentials, binding: ChannelBinding | None) -> list[str]:
    return [mechanism.name for mechanism in mechanisms(credentials, binding)]


def test_a_password_is_bound_then_proven_then_shown_and_hashed_last() -> None:
    assert names(PasswordCredentials("ann", CANARY), BINDING) == [
        "SCRAM-SHA-256-PLUS",
        "SCRAM-SHA-1-PLUS",
        "SCRAM-SHA-256",
        "SCRAM-SHA-1",
        "PLAIN",
        "LOGIN",
        "CRAM-MD5",
    ]


def test_without_a_channel_to_bind_to_no_plus_form_is_used() -> None:
    settings = Settings(auth=("SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "PLAIN"), logins={"ann": CANARY})
    with ScriptedServer(settings) as server, Session.connect(server.host, server.port) as session:
        session.hello("client.test")
        assert session.authenticate(PasswordCredentials("ann", CANARY)) == "SCRAM-SHA-256"


def test_without_a_channel_to_bind_to_no_plus_form_is_said_to_carry_the_login() -> None:
    settings, ann = Settings(auth=("GSSAPI",)), PasswordCredentials("ann", CANARY)
    with (
        ScriptedServer(settings) as server,
        Session.connect(server.host, server.port) as session,
        pytest.raises(NotOffered) as raised,
    ):
        session.authenticate(ann)
    assert "none of SCRAM-SHA-256, SCRAM-SHA-1, PLAIN, LOGIN, CRAM-MD5" in raised.value.text


def test_where_md5_is_switched_off_cram_md5_is_not_proposed(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object) -> None:
        raise ValueError("disabled for FIPS")

    monkeypatch.setattr(hmac, "new", refuse)
    assert "CRAM-MD5" not in names(PasswordCredentials("ann", CANARY), None)


def test_only_the_mechanisms_that_show_the_secret_say_so() -> None:
    everybody: tuple[Credentials, ...] = (
        PasswordCredentials("ann", CANARY),
        BearerCredentials("ann", CANARY, "mx.example", 587),
        ExternalCredentials(),
    )
    showing = {m.name for who in everybody for m in mechanisms(who, BINDING) if m.exposes_secret}
    assert showing == {"PLAIN", "LOGIN", "XOAUTH2", "OAUTHBEARER"}


def test_no_representation_shows_a_secret() -> None:
    for who in (PasswordCredentials("ann", CANARY), BearerCredentials("ann", CANARY, "mx.example", 587)):
        shown = [repr(who), str(who), *(repr(mechanism) for mechanism in mechanisms(who, BINDING))]
        assert CANARY not in " ".join(shown)


def test_credentials_of_equal_secrets_are_equal_and_of_different_ones_are_not() -> None:
    assert PasswordCredentials("ann", "a") == PasswordCredentials("ann", "a")
    assert PasswordCredentials("ann", "a") != PasswordCredentials("ann", "b")


def test_plain_is_the_message_of_rfc_4616() -> None:
    assert Plain("tim", "tanstaaftanstaaf").start() == b"\0tim\0tanstaaftanstaaf"


def test_plain_says_it_again_when_the_initial_response_was_not_taken_but_only_once() -> None:
    plain = Plain("ann", "päss")
    assert plain.start() == plain.respond(b"") == "\0ann\0päss".encode()
    with pytest.raises(AuthenticationFailed):
        plain.respond(b"")


def test_plain_answers_no_question_that_it_does_not_know() -> None:
    plain = Plain("ann", CANARY)
    plain.start()
    with pytest.raises(AuthenticationFailed) as caught:
        plain.respond(b"and your PIN?")
    assert CANARY not in str(caught.value)


@pytest.mark.parametrize(("username", "password"), [("an\0n", "x"), ("ann", "x\0y")])
def test_plain_refuses_a_nul_that_would_move_the_border_between_name_and_password(
    username: str, password: str
) -> None:
    with pytest.raises(AuthenticationFailed) as caught:
        Plain(username, password).start()
    assert caught.value.category is Category.CONFIGURATION


def test_a_lone_surrogate_is_refused_without_quoting_the_password() -> None:
    with pytest.raises(AuthenticationFailed) as caught:
        Plain("ann", CANARY + "\ud800").start()
    assert CANARY not in f"{caught.value}{caught.value.__cause__!r}"


def test_login_answers_two_prompts_in_their_order_whatever_they_say() -> None:
    login = Login("ann", "secret")
    assert login.start() is None
    assert [login.respond(b"Benutzer:"), login.respond(b"")] == [b"ann", b"secret"]
    login.finish()


def test_login_does_not_answer_a_third_prompt() -> None:
    login = Login("ann", "secret")
    login.respond(b"Username:")
    login.respond(b"Password:")
    with pytest.raises(AuthenticationFailed):
        login.respond(b"Password:")


@pytest.mark.parametrize("prompts", [0, 1])
def test_login_accepted_before_the_password_was_asked_for_is_a_failure(prompts: int) -> None:
    login = Login("ann", "secret")
    for _ in range(prompts):
        login.respond(b"?")
    with pytest.raises(AuthenticationFailed):
        login.finish()


def test_cram_md5_gives_the_digest_of_rfc_2195() -> None:
    cram = CramMd5("tim", "tanstaaftanstaaf")
    assert cram.start() is None
    answer = cram.respond(b"<1896.697170952@postoffice.reston.mci.net>")
    assert answer == b"tim b913a602c7eda7a495b4e6e7334d3890"
    cram.finish()


def test_cram_md5_signs_one_challenge_and_not_an_empty_one() -> None:
    with pytest.raises(AuthenticationFailed):
        CramMd5("tim", "x").respond(b"")
    cram = CramMd5("tim", "x")
    cram.respond(b"<1@a>")
    with pytest.raises(AuthenticationFailed):
        cram.respond(b"<2@a>")


def test_cram_md5_accepted_without_a_challenge_is_a_failure() -> None:
    with pytest.raises(AuthenticationFailed):
        CramMd5("tim", "x").finish()


@pytest.mark.parametrize(("authzid", "message"), [("", b""), ("ann@example.com", b"ann@example.com")])
def test_external_says_only_who_to_act_as(authzid: str, message: bytes) -> None:
    (external,) = mechanisms(ExternalCredentials(authzid), BINDING)
    assert isinstance(external, External)
    assert external.start() == message
    external.finish()


def test_only_the_client_certificate_is_content_without_a_login() -> None:
    assert ExternalCredentials().optional
    assert not PasswordCredentials("ann", "x").optional
    assert not BearerCredentials("ann", "x", "mx.example", 587).optional


def test_no_refusal_of_a_shown_or_hashed_password_leads_to_another_try() -> None:
    shown = [m for m in mechanisms(PasswordCredentials("ann", "x"), None) if not m.name.startswith("SCRAM")]
    assert [mechanism.instead for mechanism in shown] == [None, None, None]


def test_a_strangers_text_is_shown_without_its_tricks_and_without_the_secret() -> None:
    text = f"\x1b[31mno\u202e way {CANARY}\r\n250 ok"
    assert showable(text, CANARY) == "[31mno way … 250 ok"


def test_a_strangers_text_is_cut_where_it_gets_long() -> None:
    shown = showable("x" * 5_000)
    assert len(shown) == MAX_SHOWN
    assert shown.endswith("x…")
