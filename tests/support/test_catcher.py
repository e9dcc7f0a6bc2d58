"""The catcher, checked with the standard library's client: what it says it caught is what was sent."""

from __future__ import annotations

import smtplib
import ssl

import pytest

from tests.support.authority import authority
from tests.support.catcher import Catcher, Offer

MESSAGE = b"Subject: one\r\n\r\n.dot\r\nb\xc3\xa9\r\n"
LOGINS = {"ann": "canary"}


def client(catcher: Catcher, tls: str) -> smtplib.SMTP:
    if tls == "ssl":
        return smtplib.SMTP_SSL(catcher.host, catcher.port, context=authority().client(), timeout=5)
    connection = smtplib.SMTP(catcher.host, catcher.port, timeout=5)
    if tls == "starttls":
        connection.starttls(context=authority().client())
    connection.ehlo("client.test")
    return connection


@pytest.mark.parametrize("tls", ["plain", "starttls", "ssl"])
def test_a_message_is_caught_with_its_envelope(tls: str) -> None:
    with Catcher(tls) as catcher, client(catcher, tls) as connection:
        connection.sendmail("a@example.test", ["b@example.test"], MESSAGE, ["BODY=8BITMIME"])
    (caught,) = catcher.messages
    assert caught.mail_from == "a@example.test"
    assert caught.rcpt_tos == ("b@example.test",)
    assert "BODY=8BITMIME" in caught.mail_parameters
    assert caught.content == MESSAGE
    assert bool(caught.tls) == (tls != "plain")


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN", "CRAM-MD5"])
def test_a_login_is_demanded_and_recorded(mechanism: str) -> None:
    with Catcher("starttls", logins=LOGINS, offer=Offer(mechanisms=(mechanism,))) as catcher:
        with client(catcher, "starttls") as connection:
            assert connection.esmtp_features["auth"].split() == [mechanism]
            assert connection.mail("a@example.test")[0] == 530
            connection.login("ann", "canary")
            connection.sendmail("a@example.test", ["b@example.test"], MESSAGE)
        assert (catcher.messages[0].username, catcher.messages[0].mechanism) == ("ann", mechanism)


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN", "CRAM-MD5"])
def test_a_wrong_password_is_refused(mechanism: str) -> None:
    with Catcher("starttls", logins=LOGINS, offer=Offer(mechanisms=(mechanism,))) as catcher:
        connection = client(catcher, "starttls")
        with pytest.raises(smtplib.SMTPAuthenticationError):
            connection.login("ann", "wrong")
        connection.close()


def test_named_recipients_are_refused_and_the_others_are_not() -> None:
    refused = {"no@example.test": "550 5.1.1 no such user"}
    with Catcher(refused=refused) as catcher, client(catcher, "plain") as connection:
        result = connection.sendmail("a@example.test", ["no@example.test", "yes@example.test"], MESSAGE)
    assert result == {"no@example.test": (550, b"5.1.1 no such user")}
    assert catcher.messages[0].rcpt_tos == ("yes@example.test",)


def test_what_is_switched_off_is_not_offered() -> None:
    offer = Offer(eight_bit=False, smtputf8=False, size=None)
    with Catcher(offer=offer) as catcher, client(catcher, "plain") as connection:
        assert not {"8bitmime", "smtputf8", "size", "auth", "starttls"} & set(connection.esmtp_features)


def test_every_wrong_certificate_is_seen_as_such_by_a_strict_client() -> None:
    ours = authority()
    wrong = (ours.wrong_host, ours.wildcard, ours.expired, ours.not_yet_valid, ours.common_name_only)
    for context in (*wrong, ours.self_signed, ours.another_authority):
        with Catcher("ssl", context=context) as catcher, pytest.raises(ssl.SSLCertVerificationError):
            smtplib.SMTP_SSL("localhost", catcher.port, context=ours.client(), timeout=5)
