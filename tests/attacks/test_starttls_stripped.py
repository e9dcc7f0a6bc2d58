"""Somebody between us and the server takes STARTTLS away, hoping that we go on in clear."""

from __future__ import annotations

import pytest

from tests.support.authority import authority
from tests.support.running import SECRETS, Runner, asset
from tests.support.scripted import Fault, Kind, ScriptedServer, Settings, Step

STRIPPED = {
    "not offered": Settings(tls="plain", auth=("PLAIN", "LOGIN")),
    "offered, then refused for now": Settings(tls="starttls", fault=Fault(Step.STARTTLS, Kind.TEMPORARY)),
    "offered, then not known": Settings(
        tls="starttls", fault=Fault(Step.STARTTLS, Kind.SAYS, reply=b"500 what?\r\n", acted=False)
    ),
    "offered, then answered with a success that is none": Settings(
        tls="starttls", fault=Fault(Step.STARTTLS, Kind.SAYS, reply=b"250 fine\r\n", acted=False)
    ),
    "hidden in another word": Settings(tls="plain", extra=("XSTARTTLS", "STARTTLSX yes", "X STARTTLS")),
    "the handshake broken off": Settings(tls="starttls", fault=Fault(Step.TLS, Kind.CLOSE)),
    "the handshake answered in clear": Settings(tls="starttls", fault=Fault(Step.TLS, Kind.GARBAGE)),
}


@pytest.mark.parametrize("how", STRIPPED)
@pytest.mark.parametrize("auth_type", ["Basic", "Passwordless"])
def test_nothing_but_hello_leaves_in_clear(run: Runner, how: str, auth_type: str) -> None:
    with ScriptedServer(STRIPPED[how]) as server:
        fields = asset(
            server, ssl_config="StartTLS", auth_type=auth_type, username="ann", ca_bundle=authority().pem
        )
        done = run("send_email", fields, {"to": "bob@example.com", "subject": "hi", "body": "confidential"})
    assert not done.succeeded
    assert done.data["outcome"] == "not sent"
    assert done.failure["step"] in ("STARTTLS", "TLS")
    assert set(server.log.verbs()) <= {"EHLO", "STARTTLS", "QUIT"}
    assert SECRETS["password"].encode() not in server.log.clear
    assert server.log.accepted == []


def test_a_missing_starttls_says_what_to_choose_instead(run: Runner) -> None:
    with ScriptedServer(STRIPPED["not offered"]) as server:
        fields = asset(server, ssl_config="StartTLS")
        done = run("send_email", fields, {"to": "bob@example.com", "subject": "hi", "body": "x"})
    assert f"STARTTLS was not offered by {server.host}" in done.message
    assert "SSL (port 465)" in done.message
    assert done.failure["category"] == "security"
