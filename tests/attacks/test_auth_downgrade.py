"""A server, or somebody in between, wants the password by a weaker way than the one that is due."""

from __future__ import annotations

import base64
from types import SimpleNamespace
from typing import cast

import pytest

from smtp.connection import Connection
from smtp.sasl.credentials import PasswordCredentials, usable
from tests.support.authority import authority
from tests.support.running import SECRETS, Runner, asset
from tests.support.scripted import Fault, Kind, ScriptedServer, Settings, Step

MAIL = {"to": "bob@example.com", "subject": "hi", "body": "x"}
LOGIN = {"ann": SECRETS["password"]}


def basic(server: ScriptedServer, ssl_config: str) -> dict[str, object]:
    return asset(server, ssl_config=ssl_config, auth_type="Basic", username="ann", ca_bundle=authority().pem)


def test_mechanisms_offered_before_tls_do_not_count_after_it(run: Runner) -> None:
    settings = Settings(tls="starttls", before_tls=("AUTH PLAIN LOGIN",))
    with ScriptedServer(settings) as server:
        done = run("send_email", basic(server, "StartTLS"), MAIL)
    assert done.failure["step"] == "AUTH"
    assert done.failure["category"] == "configuration"
    assert "AUTH" not in server.log.verbs()
    assert server.log.accepted == []


def test_a_weaker_list_before_tls_does_not_choose_the_mechanism(run: Runner) -> None:
    settings = Settings(
        tls="starttls", before_tls=("AUTH PLAIN LOGIN",), auth=("PLAIN", "SCRAM-SHA-256"), logins=LOGIN
    )
    with ScriptedServer(settings) as server:
        done = run("send_email", basic(server, "StartTLS"), MAIL)
    assert done.succeeded
    assert server.log.accepted[0].mechanism == "SCRAM-SHA-256"


@pytest.mark.parametrize("reply", [b"535 5.7.8 no\r\n", b"454 4.7.0 later\r\n", b"535 5.7.8 use PLAIN\r\n"])
def test_a_refused_mechanism_is_not_followed_by_one_that_tells_the_password(
    run: Runner, reply: bytes
) -> None:
    fault = Fault(Step.AUTH, Kind.SAYS, reply=reply, acted=False, times=9)
    settings = Settings(
        tls="ssl", auth=("SCRAM-SHA-256", "CRAM-MD5", "PLAIN", "LOGIN"), logins=LOGIN, fault=fault
    )
    with ScriptedServer(settings) as server:
        done = run("send_email", basic(server, "SSL"), MAIL)
    assert done.data["outcome"] == "not sent"
    tried = [line.split(b" ")[1] for _, line in server.log.commands if line.startswith(b"AUTH")]
    assert tried == [b"SCRAM-SHA-256"]


def test_without_tls_there_is_no_mechanism_that_tells_the_password_whatever_is_refused() -> None:
    offered = ("SCRAM-SHA-256", "CRAM-MD5", "PLAIN", "LOGIN")
    ann, stream = PasswordCredentials("ann", "x"), SimpleNamespace(tls=None, peer="192.0.2.1")
    left = usable(
        [ann.mechanism(name, None) for name in offered],
        cast(Connection, SimpleNamespace(stream=stream)),
        allow_plaintext=False,
    )
    assert [mechanism.name for mechanism in left] == ["SCRAM-SHA-256", "CRAM-MD5"]


def test_a_server_that_proves_nothing_gets_no_mail(run: Runner) -> None:
    """A 235 before SCRAM's last message: the server has not shown that it knows the password."""
    settings = Settings(tls="ssl", auth=("SCRAM-SHA-256",), challenges=(b"334 \r\n",))
    with ScriptedServer(settings) as server:
        done = run("send_email", basic(server, "SSL"), MAIL)
    assert done.failure["step"] == "AUTH"
    assert "MAIL" not in server.log.verbs()


@pytest.mark.parametrize(
    "challenges",
    [
        (b"334 not base64!\r\n",),
        (b"334 " + base64.b64encode(b"Username:") + b"\r\n",) * 12,
        (b"334 " + base64.b64encode(b"x" * 12_288) + b"\r\n",),
    ],
    ids=["no base64", "no end of prompts", "a huge challenge"],
)
def test_a_login_that_makes_no_sense_is_given_up_and_nothing_is_sent(
    run: Runner, challenges: tuple[bytes, ...]
) -> None:
    settings = Settings(tls="ssl", auth=("LOGIN",), challenges=challenges)
    with ScriptedServer(settings) as server:
        done = run("send_email", basic(server, "SSL"), MAIL)
    assert done.data["outcome"] == "not sent"
    assert done.failure["step"] == "AUTH"
    assert "MAIL" not in server.log.verbs()
