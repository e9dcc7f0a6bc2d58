"""An asset's proxy: its URL, the way through it, and what it doesn't change about passwords and certificates."""

from __future__ import annotations

import pytest

from auth.settings import Login
from delivery.asset import Asset
from delivery.errors import UnusableSetting
from delivery.proxy import proxy_from
from delivery.transport import Access
from smtp.errors import ConnectError, NotOffered, Reason
from smtp.proxy.handshake import Proxy
from smtp.session import Session
from tests.support.actions import FakeContext
from tests.support.authority import authority
from tests.support.proxies import TestProxy
from tests.support.scripted import ScriptedServer, Settings

URLS = {
    "socks5": "socks5://127.0.0.1:{port}",
    "socks5 with a password": "socks5://ann:p%40ss@127.0.0.1:{port}",
    "http": "http://127.0.0.1:{port}",
    "http with a password": "http://ann:p%40ss@127.0.0.1:{port}/",
}


def opened(asset: Asset) -> Session:
    return Access(asset, FakeContext()).connect_and_log_in(lambda: None)


@pytest.mark.parametrize("how", URLS)
@pytest.mark.parametrize("tls", ["plain", "starttls", "ssl"])
def test_every_way_of_tls_goes_through_every_proxy(how: str, tls: str) -> None:
    login = ("ann", "p@ss") if "password" in how else None
    with (
        ScriptedServer(Settings(tls=tls)) as server,
        TestProxy(how.split()[0], (server.host, server.port), login=login) as proxy,
    ):
        asset = Asset(
            Login("1", "mail.test", 587, ca_bundle=authority().pem),
            {"plain": "None", "starttls": "StartTLS", "ssl": "SSL"}[tls],
            proxy=URLS[how].format(port=proxy.port),
            server_name="localhost",
        )
        opened(asset).quit()
    assert proxy.wanted == [b"mail.test:587"]


def test_a_password_is_not_said_in_clear_behind_a_proxy_though_the_proxy_is_on_this_machine() -> None:
    settings = Settings(auth=("PLAIN",), logins={"ann": "pw"})
    with (
        ScriptedServer(settings) as server,
        TestProxy("socks5", (server.host, server.port)) as proxy,
    ):
        url = f"socks5://127.0.0.1:{proxy.port}"
        asset = Asset(Login("1", "127.0.0.1", 25, username="ann", password="pw"), "None", proxy=url)
        with pytest.raises(NotOffered) as refused:
            opened(asset)
        assert refused.value.reason is Reason.LOGIN_IN_CLEAR
        assert "AUTH" not in server.log.verbs()


@pytest.mark.parametrize(
    ("kind", "refusal", "part"),
    [
        ("http", b"HTTP/1.1 403 Forbidden\r\n\r\n", "403"),
        ("http", b"HTTP/1.1 502 Bad gateway\r\n\r\n", "502"),
        ("socks5", b"\x05\x02\x00\x01", "rules"),
        ("socks5", b"", "closed"),
    ],
)
def test_a_proxy_that_refuses_is_named_with_its_reason(kind: str, refusal: bytes, part: str) -> None:
    with ScriptedServer() as server, TestProxy(kind, (server.host, server.port), refusal=refusal) as proxy:
        if not refusal:
            proxy.login = ("somebody", "else")
        url = f"{kind}://ann:canary@127.0.0.1:{proxy.port}"
        with pytest.raises(ConnectError) as refused:
            opened(Asset(Login("1", "mail.test", 587), "None", proxy=url))
        assert part in refused.value.text or "login" in refused.value.text
        assert f"the {kind} proxy 127.0.0.1:{proxy.port}" in refused.value.text
        assert "canary" not in refused.value.text + refused.value.hint


def test_a_url_becomes_a_proxy() -> None:
    assert proxy_from("socks5://h") == Proxy("socks5", "h", 1080)
    assert proxy_from("http://a:b@[::1]:8080") == Proxy("http", "::1", 8080, "a", "b")


@pytest.mark.parametrize(
    "url", ["h:1080", "ftp://h", "socks5://", "http://h:99999", "http://h/path", "http://u:canary@h?x=1"]
)
def test_what_is_no_proxy_is_a_setting_that_can_not_be_used(url: str) -> None:
    with pytest.raises(UnusableSetting) as unusable:
        proxy_from(url)
    assert "proxy" in unusable.value.text
    assert "canary" not in unusable.value.text
