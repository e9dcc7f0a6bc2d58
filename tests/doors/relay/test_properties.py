"""JavaMail's properties as an asset's fields."""

from __future__ import annotations

import pytest

from doors.relay.properties import MailSettings, read_mail
from host.local.inputs import InputError
from smtp.tls import TlsMode


def settings(may_log_in: bool = True, **properties: object) -> MailSettings:
    named = {f"mail.{name.replace('__', '.')}": value for name, value in properties.items()}
    return read_mail({"mail.smtp.host": "mail.test", **named}, may_log_in=may_log_in)


@pytest.mark.parametrize(
    ("properties", "may_log_in", "mode", "port"),
    [
        ({}, True, TlsMode.STARTTLS, 587),
        ({}, False, TlsMode.STARTTLS, 587),
        ({"smtp__port": "25"}, True, TlsMode.STARTTLS, 25),
        ({"smtp__port": "25"}, False, TlsMode.IF_OFFERED, 25),
        ({"smtp__port": "25", "smtp__auth": "false"}, True, TlsMode.IF_OFFERED, 25),
        ({"smtp__port": "465"}, True, TlsMode.SSL, 465),
        ({"smtp__port": 465, "smtp__starttls__enable": "true"}, True, TlsMode.SSL, 465),
        ({"smtp__starttls__enable": "false"}, True, TlsMode.NONE, 587),
        ({"smtp__starttls__enable": False, "smtp__port": "25"}, False, TlsMode.NONE, 25),
        (
            {"smtp__starttls__enable": "false", "smtp__starttls__required": "true"},
            True,
            TlsMode.STARTTLS,
            587,
        ),
        ({"smtp__starttls__required": True, "smtp__port": "2525"}, False, TlsMode.STARTTLS, 2525),
        ({"smtp__ssl__enable": "true", "smtp__port": "2465"}, True, TlsMode.SSL, 2465),
        ({"transport__protocol": "smtps"}, True, TlsMode.SSL, 465),
        ({"transport__protocol": "smtps", "smtps__port": "2465"}, True, TlsMode.SSL, 2465),
    ],
)
def test_when_tls_begins(properties: dict[str, object], may_log_in: bool, mode: TlsMode, port: int) -> None:
    found = settings(may_log_in, **properties)
    assert (found.ssl_config, found.fields["port"]) == (mode, port)


def test_the_twin_protocol_has_the_same_keys() -> None:
    found = read_mail(
        {"mail.smtps.host": "mail.test", "mail.smtps.timeout": "5000", "mail.user": "ann"}, may_log_in=True
    )
    assert found.ssl_config == TlsMode.SSL
    assert found.fields["read_timeout"] == 5.0
    both = read_mail(
        {"mail.transport.protocol": "smtps", "mail.smtp.host": "one.test", "mail.smtps.host": "two.test"},
        may_log_in=True,
    )
    assert both.fields["server"] == "two.test"


def test_the_other_properties() -> None:
    found = settings(
        user="ann",
        password="canary",
        smtp__user="bob",
        smtp__from="bounces@x.test",
        smtp__connectiontimeout="2500",
        smtp__timeout="1000",
        smtp__writetimeout="4000",
        smtp__localhost="me.test",
        smtp__auth__mechanisms="NTLM XOAUTH2",
        smtp__dsn__notify="SUCCESS, FAILURE",
        smtp__dsn__ret="hdrs",
        smtp__allow8bitmime="true",
        smtp__chunksize="1000",
    )
    assert found.user == "bob"
    assert found.fields == {
        "server": "mail.test",
        "port": 587,
        "connection_timeout": 2.5,
        "read_timeout": 4.0,
        "ehlo_name": "me.test",
        "sender_address": "bounces@x.test",
        "password": "canary",
        "sasl_mechanism": "XOAUTH2",
    }
    assert (found.dsn_notify, found.dsn_ret, found.warnings) == ("SUCCESS,FAILURE", "HDRS", ())
    assert "canary" not in repr(found)


def test_no_timeout_is_the_assets_own() -> None:
    assert "read_timeout" not in settings(smtp__timeout="0", smtp__connectiontimeout="-1").fields


@pytest.mark.parametrize(
    ("properties", "url"),
    [
        ({"smtp__proxy__host": "p"}, "http://p:80"),
        ({"smtp__proxy__host": "p", "smtp__proxy__port": "3128"}, "http://p:3128"),
        (
            {"smtp__proxy__host": "p", "smtp__proxy__user": "a@b", "smtp__proxy__password": "c:d"},
            "http://a%40b:c%3Ad@p:80",
        ),
        ({"smtp__socks__host": "::1", "smtp__socks__port": "1081"}, "socks5://[::1]:1081"),
        ({"smtp__socks__host": "s", "smtp__proxy__host": "p"}, "http://p:80"),
    ],
)
def test_proxies(properties: dict[str, object], url: str) -> None:
    assert settings(**properties).fields["proxy"] == url


@pytest.mark.parametrize(
    ("properties", "part"),
    [
        ({"smtp__ssl__trust": "*"}, "ssl.trust is *"),
        ({"smtp__ssl__trust": "mail.test"}, "verified all the same"),
        ({"smtp__ssl__checkserveridentity": "false"}, "verified all the same"),
        ({"smtp__auth__mechanisms": "NTLM"}, "none of them is known"),
        ({"smtp__submitter": "x"}, "mail.smtp.submitter has no meaning here"),
        ({"imap__host": "x"}, "mail.imap.host has no meaning here"),
        ({"port": "x"}, "mail.port has no meaning here"),
    ],
)
def test_what_is_not_done_is_told_with_its_key(properties: dict[str, object], part: str) -> None:
    (warning,) = settings(**properties).warnings
    assert part in warning


def test_only_a_star_ends_the_verification() -> None:
    assert settings(smtp__ssl__trust="*").fields["verify_server_cert"] is False
    assert "verify_server_cert" not in settings(smtp__ssl__trust="mail.test").fields


@pytest.mark.parametrize(
    "properties",
    [
        {"smtp__host": ""},
        {"smtp__port": "x"},
        {"smtp__port": "70000"},
        {"smtp__auth": "yes"},
        {"smtp__host": ["a"]},
        {"smtp__dsn__notify": "ALWAYS"},
        {"smtp__dsn__ret": "ALL"},
    ],
)
def test_what_can_not_be_used_names_its_key(properties: dict[str, object]) -> None:
    with pytest.raises(InputError) as wrong:
        settings(**properties)
    assert "mail." in str(wrong.value)
