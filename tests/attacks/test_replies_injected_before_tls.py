"""Somebody puts replies behind the go-ahead for TLS, in clear, to have them taken for the server's own inside TLS."""

from __future__ import annotations

import pytest

from tests.support.authority import authority
from tests.support.running import Runner, asset
from tests.support.scripted import Fault, Kind, ScriptedServer, Settings, Step

GO = b"220 2.0.0 go ahead\r\n"
INJECTED = {
    "one reply": b"250 2.0.0 OK\r\n",
    "a whole hello": b"250-evil.example\r\n250-SIZE 1\r\n250 AUTH PLAIN LOGIN\r\n",
    "a login that was accepted": b"235 2.7.0 welcome\r\n250 OK\r\n250 OK\r\n",
    "a part of a reply": b"250-evil.exam",
    "one octet": b"2",
    "an empty line": b"\r\n",
}


@pytest.mark.parametrize("what", INJECTED)
@pytest.mark.parametrize("packets", ["in one packet", "in many packets"])
def test_no_octet_from_before_tls_counts_after_it(run: Runner, what: str, packets: str) -> None:
    fault = Fault(Step.STARTTLS, Kind.SAYS, reply=GO + INJECTED[what])
    settings = Settings(tls="starttls", fault=fault, byte_by_byte=packets == "in many packets")
    with ScriptedServer(settings) as server:
        fields = asset(server, ssl_config="StartTLS", ca_bundle=authority().pem)
        done = run("send_email", fields, {"to": "bob@example.com", "subject": "hi", "body": "x"})
        server.wait_until_served()
    assert done.data["outcome"] == "not sent"
    assert done.failure["step"] in ("STARTTLS", "TLS")
    assert set(server.log.verbs()) <= {"EHLO", "STARTTLS"}
    assert server.log.accepted == []


@pytest.mark.parametrize("what", INJECTED)
def test_an_injected_reply_is_told_as_a_matter_of_security(run: Runner, what: str) -> None:
    fault = Fault(Step.STARTTLS, Kind.SAYS, reply=GO + INJECTED[what])
    with ScriptedServer(Settings(tls="starttls", fault=fault)) as server:
        fields = asset(server, ssl_config="StartTLS", ca_bundle=authority().pem)
        done = run("send_email", fields, {"to": "bob@example.com", "subject": "hi", "body": "x"})
    assert done.failure["category"] == "security"
    assert not done.failure["retryable"]


@pytest.mark.parametrize("tls", ["plain", "starttls"])
def test_a_reply_behind_the_banner_is_not_taken_for_the_answer_to_hello(run: Runner, tls: str) -> None:
    banner = b"220 scripted.test\r\n250-evil.example\r\n250 AUTH PLAIN\r\n"
    fault = Fault(Step.BANNER, Kind.SAYS, reply=banner)
    with ScriptedServer(Settings(tls=tls, fault=fault)) as server:
        ssl_config = {"plain": "None", "starttls": "StartTLS"}[tls]
        done = run("send_email", asset(server, ssl_config=ssl_config), {"to": "b@example.com", "body": "x"})
    assert done.data["outcome"] == "not sent"
    assert server.log.verbs() == []
