"""A server in the middle shows a certificate that is not the mail server's: no octet of a login or a mail leaves."""

from __future__ import annotations

import ssl
import warnings
from typing import Any

import pytest

from tests.support.authority import authority
from tests.support.running import SECRETS, Fields, Runner, asset
from tests.support.scripted import ScriptedServer, Settings

LOGIN: Fields = {
    "auth_type": "Basic",
    "username": "me@example.com",
    "client_secret": None,
    "refresh_token": None,
}
MAIL = {"to": "a@example.com", "body": "x"}


def old_tls() -> ssl.SSLContext:
    """A server's context that stops at TLS 1.1."""
    context = authority().server("localhost", "127.0.0.1")
    with warnings.catch_warnings(action="ignore"):  # Python thinks as we do of what comes before 1.2
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    return context


@pytest.mark.parametrize("tls", ["starttls", "ssl"])
@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: authority().expired, "has expired"),
        (lambda: authority().not_yet_valid, "is not valid yet"),
        (lambda: authority().self_signed, "is self-signed"),
        (lambda: authority().another_authority, "authority that is not known here"),
        (lambda: authority().wrong_host, "is for another host name"),
        (lambda: authority().common_name_only, "is for another host name"),
        (lambda: authority().wildcard, "is for another host name"),
        (lambda: authority().server("*.com"), "is for another host name"),
        (lambda: authority().server("localhost.example.com"), "is for another host name"),
        (lambda: authority().server("127.0.0.1"), "is for another host name"),
        (old_tls, "TLS handshake failed"),
    ],
)
def test_it_is_refused_and_named(run: Runner, make: Any, said: str, tls: str) -> None:
    settings = Settings(
        tls=tls, context=make(), auth=("PLAIN",), logins={"me@example.com": SECRETS["password"]}
    )
    with ScriptedServer(settings) as server:
        fields = asset(
            server,
            server="localhost",
            ssl_config={"starttls": "StartTLS", "ssl": "SSL"}[tls],
            ca_bundle=authority().pem,
            **LOGIN,
        )
        result = run("send_email", fields, MAIL)
    assert not result.succeeded
    assert said in result.message
    assert result.failure["step"] == "TLS"
    assert result.failure["hint"]
    assert server.log.verbs() == ([] if tls == "ssl" else ["EHLO", "STARTTLS"])
    assert server.log.accepted == []


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2"])
def test_an_address_has_to_be_in_the_certificate_as_an_address(run: Runner, host: str) -> None:
    with ScriptedServer(Settings(tls="ssl", context=authority().server("localhost"))) as server:
        fields = asset(server, server=host, ssl_config="SSL", ca_bundle=authority().pem)
        result = run("send_email", fields, MAIL)
    assert not result.succeeded
    assert server.log.commands == []


def test_without_a_ca_bundle_an_authority_of_ones_own_is_not_trusted(run: Runner) -> None:
    with ScriptedServer(Settings(tls="ssl")) as server:
        result = run("send_email", asset(server, server="localhost", ssl_config="SSL"), MAIL)
    assert "authority that is not known here" in result.message
    assert "ca_bundle" in result.failure["hint"]


def test_the_ca_bundle_replaces_the_systems_authorities(run: Runner) -> None:
    with ScriptedServer(Settings(tls="ssl", context=authority().another_authority)) as server:
        fields = asset(server, server="localhost", ssl_config="SSL", ca_bundle=authority().pem)
        result = run("send_email", fields, MAIL)
    assert not result.succeeded
    assert server.log.commands == []
