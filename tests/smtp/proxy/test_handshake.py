"""Both proxies' dialogues: whole, octet by octet, and with the server's first words behind them."""

from __future__ import annotations

import base64

import pytest

from smtp.proxy.handshake import Proxy, ProxyRefused, handshake

BANNER = b"220 mail.test ESMTP\r\n"
CONNECTED = b"\x05\x00\x00\x01\x7f\x00\x00\x01\x1f\x90"
NAMED = b"\x05\x01\x00\x03\x09mail.test\x02\x4b"
"""CONNECT to mail.test:587, to be looked up by the proxy."""
LOGIN = base64.b64encode(b"ann:p w").decode()

# the proxy, what it says (what is awaited before it, what it says), and what it is told in all
CASES = {
    "socks5": (Proxy("socks5", "p", 1), [b"\x05\x00", CONNECTED], b"\x05\x01\x00" + NAMED),
    "socks5 with a password": (
        Proxy("socks5", "p", 1, "ann", "p w"),
        [b"\x05\x02", b"\x01\x00", CONNECTED],
        b"\x05\x02\x00\x02" + b"\x01\x03ann\x03p w" + NAMED,
    ),
    "socks5 whose password nobody wants": (
        Proxy("socks5", "p", 1, "ann", "p w"),
        [b"\x05\x00", CONNECTED],
        b"\x05\x02\x00\x02" + NAMED,
    ),
    "socks5 with a token": (
        Proxy("socks5", "p", 1, token="a.b.c", location="here"),
        [b"\x05\x80", b"\x01\x00", CONNECTED],
        b"\x05\x01\x80" + b"\x01\x00\x00\x00\x05a.b.c\x08aGVyZQ==" + NAMED,
    ),
    "socks5 with a token and no location": (
        Proxy("socks5", "p", 1, token="a.b.c"),
        [b"\x05\x80", b"\x01\x00", b"\x05\x00\x00\x03\x04name\x00\x19"],
        b"\x05\x01\x80" + b"\x01\x00\x00\x00\x05a.b.c\x00" + NAMED,
    ),
    "http": (
        Proxy("http", "p", 1),
        [b"HTTP/1.1 200 Connection established\r\nVia: p\r\n\r\n"],
        b"CONNECT mail.test:587 HTTP/1.1\r\nHost: mail.test:587\r\n\r\n",
    ),
    "http with a password": (
        Proxy("http", "p", 1, "ann", "p w"),
        [b"HTTP/1.0 200 \r\n\r\n"],
        b"CONNECT mail.test:587 HTTP/1.1\r\nHost: mail.test:587\r\n"
        + f"Proxy-Authorization: Basic {LOGIN}\r\n\r\n".encode(),
    ),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("octets", [0, 1])
def test_the_dialogue_ends_with_the_servers_first_words_left_over(case: str, octets: int) -> None:
    proxy, answers, told = CASES[case]
    dialogue = handshake(proxy, "mail.test", 587)
    written = dialogue.start()
    for answer in [*answers[:-1], answers[-1] + BANNER]:
        for start in range(0, len(answer), octets or len(answer)):
            piece = answer[start : start + (octets or len(answer))]
            if dialogue.is_done:
                break
            written += dialogue.receive(piece)
    assert dialogue.is_done
    assert written == told
    assert dialogue.rest == (BANNER if not octets else b"")


@pytest.mark.parametrize(
    ("host", "octets"),
    [
        ("192.0.2.1", b"\x01\xc0\x00\x02\x01"),
        ("2001:db8::1", b"\x04\x20\x01\x0d\xb8" + bytes(11) + b"\x01"),
        ("mail.test", b"\x03\x09mail.test"),
    ],
)
def test_an_address_is_said_as_it_is_and_a_name_as_a_name(host: str, octets: bytes) -> None:
    dialogue = handshake(Proxy("socks5", "p", 1), host, 25)
    assert dialogue.receive(b"\x05\x00") == b"\x05\x01\x00" + octets + b"\x00\x19"


def tell(proxy: Proxy, said: list[bytes]) -> None:
    dialogue = handshake(proxy, "mail.test", 587)
    for piece in said:
        dialogue.receive(piece)


@pytest.mark.parametrize(
    ("proxy", "said", "is_about_us"),
    [
        (Proxy("socks5", "p", 1), b"\x05\xff", True),
        (Proxy("socks5", "p", 1), b"\x05\x02", True),
        (Proxy("socks5", "p", 1), b"HTTP", True),
        (Proxy("socks5", "p", 1, "a", "b"), b"\x05\x02\x01\x01", True),
        (Proxy("socks5", "p", 1, token="t"), b"\x05\x00", True),
        (Proxy("socks5", "p", 1, token="t"), b"\x05\x80\x01\x01", True),
        (Proxy("socks5", "p", 1), b"\x05\x00\x05\x02\x00\x01", True),
        (Proxy("socks5", "p", 1), b"\x05\x00\x05\x05\x00\x01", False),
        (Proxy("socks5", "p", 1), b"\x05\x00\x05\x63\x00\x01", False),
        (Proxy("socks5", "p", 1), b"\x05\x00\x05\x00\x00\x09\x00\x00", False),
        (Proxy("http", "p", 1), b"HTTP/1.1 407 Login\r\n\r\n", True),
        (Proxy("http", "p", 1), b"HTTP/1.1 403 No\r\n\r\n", True),
        (Proxy("http", "p", 1), b"HTTP/1.1 502 Bad gateway\r\n\r\n", False),
        (Proxy("http", "p", 1), b"220 mail.test ESMTP\r\n", True),
        (Proxy("http", "p", 1), b"HTTP/1.1 two hundred\r\n\r\n", True),
        (Proxy("http", "p", 1), b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 4000, False),
    ],
)
def test_a_refusal_says_whether_other_settings_may_help(proxy: Proxy, said: bytes, is_about_us: bool) -> None:
    for size in (len(said), 1):
        with pytest.raises(ProxyRefused) as refused:
            tell(proxy, [said[start : start + size] for start in range(0, len(said), size)])
        assert refused.value.is_about_us is is_about_us


def test_what_can_not_be_said_to_a_proxy_is_refused_before_it_is() -> None:
    for proxy, host in (
        (Proxy("socks5", "p", 1), "x" * 256),
        (Proxy("socks5", "p", 1, "a" * 256, "b"), "mail.test"),
        (Proxy("socks5", "p", 1, token="t", location="l" * 300), "mail.test"),
        (Proxy("http", "p", 1), "mail.test\r\nX: y"),
    ):
        with pytest.raises(ProxyRefused):
            handshake(proxy, host, 25)


def test_neither_password_nor_token_show() -> None:
    shown = repr(Proxy("socks5", "p", 1, "ann", "canary", token="canary"))
    assert "canary" not in shown
