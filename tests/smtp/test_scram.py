from __future__ import annotations

import base64
import hashlib

import pytest

from smtp.errors import AuthenticationFailed, Category
from smtp.sasl.credentials import BINDABLE, PasswordCredentials
from smtp.sasl.mechanism import ChannelBinding
from smtp.sasl.scram import MAX_ITERATIONS, Scram, saslprep
from tests.smtp.scram_server import Server

END_POINT = ChannelBinding("tls-server-end-point", hashlib.sha256(b"certificate").digest())
UNIQUE = ChannelBinding("tls-unique", b"finished")


def exchange(scram: Scram, server: Server) -> bytes:
    return scram.respond(server.last(scram.respond(server.first(scram.start()))))


@pytest.mark.parametrize(
    ("hash_name", "nonce", "server_first", "client_final", "server_final"),
    [
        (
            "SHA-1",
            "fyko+d2lbbFgONRv9qkxdawL",
            b"r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
            b"c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
            b"v=rmF9pqV8S7suAoZWja4dJRkFsKQ=",
        ),
        (
            "SHA-256",
            "rOprNGfwEbeRWgbNEkqO",
            b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
            b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
            b"p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
            b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
        ),
    ],
    ids=["RFC 5802 section 5", "RFC 7677 section 3"],
)
def test_the_conversation_of_the_rfc(
    hash_name: str, nonce: str, server_first: bytes, client_final: bytes, server_final: bytes
) -> None:
    scram = Scram("user", "pencil", hash_name, nonce=nonce)
    assert scram.start() == b"n,,n=user,r=" + nonce.encode()
    assert scram.respond(server_first) == client_final
    assert scram.respond(server_final) == b""
    scram.finish()


@pytest.mark.parametrize("hash_name", ["SHA-1", "SHA-256"])
def test_a_bound_exchange_proves_the_channel_as_well(hash_name: str) -> None:
    scram = Scram("ann", "secret", hash_name, UNIQUE, plus=True)
    start = scram.start()
    assert scram.name == f"SCRAM-{hash_name}-PLUS"
    assert start.startswith(b"p=tls-unique,,n=ann,r=")
    server = Server("secret", hash_name.replace("-", "").lower(), binding=UNIQUE.data)
    assert exchange(scram, server) == b""
    scram.finish()


def test_the_first_byte_says_what_is_known_about_channel_binding() -> None:
    ann = PasswordCredentials("ann", "x")
    flags = {name: (ann.mechanism(name, END_POINT).start() or b"").split(b",")[0] for name in BINDABLE}
    assert flags == {
        "SCRAM-SHA-256-PLUS": b"p=tls-server-end-point",
        "SCRAM-SHA-1-PLUS": b"p=tls-server-end-point",
        "SCRAM-SHA-256": b"y",
        "SCRAM-SHA-1": b"y",
    }
    assert Scram("ann", "x", "SHA-256").start().startswith(b"n,,")


def test_every_exchange_has_a_nonce_of_its_own() -> None:
    assert Scram("ann", "x", "SHA-1").start() != Scram("ann", "x", "SHA-1").start()


def test_a_user_name_cannot_add_fields_to_the_message() -> None:
    start = Scram("a,r=b", "x", "SHA-1", nonce="N").start()
    assert start == b"n,,n=a=2Cr=3Db,r=N"


def test_a_wrong_password_is_the_servers_verdict_and_not_a_broken_exchange() -> None:
    scram = Scram("ann", "wrong", "SHA-256")
    assert exchange(scram, Server("right")) == b""
    assert scram.reason == "invalid-proof"
    with pytest.raises(AuthenticationFailed):
        scram.finish()


def test_a_server_that_does_not_know_the_password_is_found_out() -> None:
    scram = Scram("ann", "right", "SHA-256")
    server = Server("right")
    scram.respond(server.first(scram.start()))
    with pytest.raises(AuthenticationFailed, match="signature is wrong"):
        scram.respond(b"v=" + base64.b64encode(b"\0" * 32))


@pytest.mark.parametrize("rounds", [0, 1])
def test_an_accepting_reply_without_the_servers_signature_is_a_failure(rounds: int) -> None:
    scram = Scram("ann", "x", "SHA-256")
    start = scram.start()
    if rounds:
        scram.respond(Server("x").first(start))
    with pytest.raises(AuthenticationFailed, match="without proving"):
        scram.finish()


@pytest.mark.parametrize(
    "server_first",
    [
        b"r=theirs-alone,s=QSXCR+Q6sek8bf92,i=4096",
        b"r=OURS,s=QSXCR+Q6sek8bf92,i=4096",
        b"r=OURSx,s=QSXCR+Q6sek8bf92,i=4095",
        b"r=OURSx,s=QSXCR+Q6sek8bf92,i=%d" % (MAX_ITERATIONS + 1),
        b"r=OURSx,s=QSXCR+Q6sek8bf92,i=99999999999999999999",
        b"r=OURSx,s=QSXCR+Q6sek8bf92,i=-4096",
        b"r=OURSx,s=QSXCR,i=4096",
        b"r=OURSx,s=,i=4096",
        b"r=OURSx,i=4096,s=QSXCR+Q6sek8bf92",
        b"m=ext,r=OURSx,s=QSXCR+Q6sek8bf92,i=4096",
        b"r=OURSx,s=QSXCR+Q6sek8bf92,i=4096\r\n",
        b"\xff",
    ],
)
def test_a_first_message_that_breaks_the_rules_ends_the_exchange(server_first: bytes) -> None:
    scram = Scram("ann", "x", "SHA-1", nonce="OURS")
    scram.start()
    with pytest.raises(AuthenticationFailed):
        scram.respond(server_first)


@pytest.mark.parametrize("server_final", [b"", b"v=", b"v=***", b"ok", b"x=1"])
def test_a_last_message_that_breaks_the_rules_ends_the_exchange(server_final: bytes) -> None:
    scram = Scram("ann", "x", "SHA-1", nonce="OURS")
    scram.start()
    scram.respond(b"r=OURSx,s=QSXCR+Q6sek8bf92,i=4096")
    with pytest.raises(AuthenticationFailed):
        scram.respond(server_final)


def test_extensions_that_are_not_mandatory_are_ignored() -> None:
    scram = Scram("ann", "x", "SHA-1", nonce="OURS")
    scram.start()
    assert scram.respond(b"r=OURSx,s=QSXCR+Q6sek8bf92,i=4096,z=news").startswith(b"c=biws,r=OURSx,p=")


def test_nothing_is_answered_after_the_last_message() -> None:
    scram = Scram("ann", "secret", "SHA-256")
    exchange(scram, Server("secret"))
    with pytest.raises(AuthenticationFailed):
        scram.respond(b"")


def test_an_empty_challenge_asks_for_the_first_message_again() -> None:
    scram = Scram("ann", "x", "SHA-1")
    assert scram.respond(b"") == scram.start()


def test_a_binding_that_the_server_turns_down_at_once_leaves_the_unbound_form_to_try() -> None:
    scram = Scram("ann", "secret", "SHA-256", END_POINT, plus=True)
    scram.start()
    other = scram.instead
    assert isinstance(other, Scram)
    assert other.name == "SCRAM-SHA-256"
    assert other.start().startswith(b"n,,")  # `y` would claim that no -PLUS was offered
    assert other.instead is None
    assert exchange(other, Server("secret")) == b""


def test_a_refusal_that_the_password_played_a_part_in_is_final() -> None:
    scram = Scram("ann", "secret", "SHA-256", END_POINT, plus=True)
    scram.respond(Server("other").first(scram.start()))
    assert scram.instead is None


def test_a_binding_that_every_server_knows_has_no_second_try() -> None:
    assert Scram("ann", "secret", "SHA-256", UNIQUE, plus=True).instead is None


@pytest.mark.parametrize(
    ("given", "prepared"),
    [
        ("I\u00adX", "IX"),
        ("user", "user"),
        ("USER", "USER"),
        ("\u00aa", "a"),
        ("\u2168", "IX"),
        ("a\u00a0b", "a b"),
    ],
)
def test_saslprep_gives_the_examples_of_rfc_4013(given: str, prepared: str) -> None:
    assert saslprep(given) == prepared


@pytest.mark.parametrize("given", ["\u0007", "\u0627\u0031", "\u0627a\u0627", "x\ue000", "\u00ad"])
def test_saslprep_refuses_what_rfc_4013_prohibits(given: str) -> None:
    with pytest.raises(AuthenticationFailed) as caught:
        saslprep(given)
    assert caught.value.category is Category.CONFIGURATION


def test_saslprep_lets_characters_through_that_are_younger_than_it() -> None:
    assert saslprep("pass🔑") == "pass🔑"
