"""Servers that are not there, are no mail servers, or do TLS in another way: one clear message, and nothing sent."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from tests.support.authority import authority
from tests.support.catcher import Catcher
from tests.support.running import SECRETS, Run, Runner, asset
from tests.support.scripted import Fault, Kind, ScriptedServer, Settings, Step

MAIL = {"to": "a@example.com", "body": "x"}
OURS = {"server": "localhost", "ca_bundle": authority().pem}
LOGIN: dict[str, Any] = {
    "auth_type": "Basic",
    "username": "me@example.com",
    "client_secret": None,
    "refresh_token": None,
}


def failed(run: Runner, service: Any, step: str, **fields: Any) -> Run:
    """The run, which ended at `step` with a remedy, nothing having been sent."""
    result = run("send_email", asset(service, **fields), MAIL)
    assert not result.succeeded
    assert result.message.startswith("Nothing was sent")
    assert result.data["outcome"] == "not sent"
    assert result.failure["step"] == step
    assert result.data["recipients"][0]["status"] == "not tried"
    return result


@contextlib.contextmanager
def saying(octets: bytes) -> Iterator[Any]:
    """A server that says this to everybody and closes."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    with connection:
                        connection.sendall(octets)
                        connection.settimeout(0.2)
                        connection.recv(4096)

        threading.Thread(target=serve, daemon=True).start()
        yield SimpleNamespace(host="127.0.0.1", port=listener.getsockname()[1])
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)


class TestNoServer:
    def test_nobody_listens(self, run: Runner) -> None:
        with socket.socket() as taken:  # and not listening: nobody else can be given the port meanwhile
            taken.bind(("127.0.0.1", 0))
            port = taken.getsockname()[1]
            result = failed(run, SimpleNamespace(host="127.0.0.1", port=port), "connection")
        assert f"No connection to 127.0.0.1:{port}: connection refused." in result.message
        assert "Check server and port" in result.message
        assert (result.failure["category"], result.failure["retryable"]) == ("network", True)

    def test_no_such_name(self, run: Runner) -> None:
        nowhere = SimpleNamespace(host="no-such-host.invalid", port=25)
        result = failed(run, nowhere, "name resolution")
        assert "no-such-host.invalid" in result.message
        assert result.failure["hint"]

    @pytest.mark.parametrize(
        "banner",
        [
            b"SSH-2.0-OpenSSH_9.6\r\n",
            b"* OK IMAP4rev1 ready\r\n",
            b"+OK POP3 ready\r\n",
            b"HTTP/1.1 400 Bad Request\r\n\r\n<html>",
            b"\x16\x03\x01\x02\x00\x01\x00",
            b"\0" * 100,
            b"2200 hi\r\n",
        ],
    )
    def test_it_is_no_mail_server(self, run: Runner, banner: bytes) -> None:
        with saying(banner + b"\r\n") as server:
            result = failed(run, server, "banner")
        assert "no SMTP reply" in result.message
        assert "Check server and port" in result.message
        assert result.message.isprintable()

    def test_it_hangs_up(self, run: Runner) -> None:
        with saying(b"") as server:
            result = failed(run, server, "banner", read_timeout=2)
        assert "The server closed the connection" in result.message

    def test_it_does_not_want_us(self, run: Runner) -> None:
        with saying(b"554 5.7.1 your address is listed\r\n") as server:
            result = failed(run, server, "banner")
        assert "554 5.7.1 your address is listed" in result.message
        assert (result.failure["code"], result.failure["retryable"]) == (554, False)


class TestTlsOfAnotherKind:
    @pytest.mark.parametrize("ssl_config", ["None", "StartTLS"])
    def test_plain_text_to_a_port_that_expects_tls(self, run: Runner, ssl_config: str) -> None:
        with Catcher("ssl") as server:
            result = failed(run, server, "banner", ssl_config=ssl_config, read_timeout=0.3)
        assert "choose SSL (port 465)" in result.message

    @pytest.mark.parametrize("tls", ["plain", "starttls"])
    def test_tls_to_a_port_that_speaks_plain_text(self, run: Runner, tls: str) -> None:
        with ScriptedServer(Settings(tls=tls)) as server:
            result = failed(run, server, "TLS", ssl_config="SSL", **OURS)
        assert "did not answer with TLS" in result.message
        assert "Choose StartTLS (port 587)" in result.message
        assert result.failure["category"] == "configuration"

    def test_starttls_where_it_is_not_offered(self, run: Runner) -> None:
        with ScriptedServer(Settings(tls="plain")) as server:
            result = failed(run, server, "STARTTLS", ssl_config="StartTLS", **OURS)
        assert "STARTTLS was not offered" in result.message
        assert server.log.verbs() == ["EHLO", "QUIT"]

    def test_plain_text_where_tls_is_demanded(self, run: Runner) -> None:
        with Catcher("starttls") as server:
            result = run("send_email", asset(server), MAIL)
        assert "set ssl_config to StartTLS" in result.message
        assert result.failure["code"] == 530

    @pytest.mark.parametrize(("tls", "ssl_config"), [("starttls", "StartTLS"), ("ssl", "SSL")])
    def test_the_right_kind_works_and_is_told(self, run: Runner, tls: str, ssl_config: str) -> None:
        with Catcher(tls) as server:
            result = run("send_email", asset(server, ssl_config=ssl_config, **OURS), MAIL)
            (caught,) = server.messages
        assert result.message == "Email sent"
        assert (result.data["tls_version"], caught.tls) == ("TLSv1.3", "TLSv1.3")
        assert result.data["tls_cipher"].startswith("TLS_")
        assert result.warnings == []


class TestWithoutVerification:
    @pytest.mark.parametrize("off", [False, "false"])
    def test_any_certificate_is_taken_with_a_warning(self, run: Runner, off: object) -> None:
        with Catcher("ssl", context=authority().self_signed) as server:
            result = run("send_email", asset(server, ssl_config="SSL", verify_server_cert=off), MAIL)
        assert result.message == "Email sent"
        assert "verify_server_cert is off" in result.warnings[0]

    def test_the_warning_is_in_failures_too(self, run: Runner) -> None:
        with ScriptedServer(Settings(tls="ssl", fault=Fault(Step.MAIL, Kind.PERMANENT))) as server:
            result = run("send_email", asset(server, ssl_config="SSL", verify_server_cert=False), MAIL)
        assert not result.succeeded
        assert "verify_server_cert is off" in result.warnings[0]


class TestLogins:
    def test_a_login_that_is_not_offered(self, run: Runner) -> None:
        with ScriptedServer(Settings(tls="starttls")) as server:
            result = failed(run, server, "AUTH", ssl_config="StartTLS", **OURS, **LOGIN)
        assert "The server offers no authentication" in result.message
        assert "AUTH" not in server.log.verbs()

    def test_a_wrong_password(self, run: Runner) -> None:
        settings = Settings(tls="starttls", auth=("PLAIN",), logins={"me@example.com": "another"})
        with ScriptedServer(settings) as server:
            result = failed(run, server, "AUTH", ssl_config="StartTLS", **OURS, **LOGIN)
        assert "535 5.7.8 credentials are not good" in result.message
        assert result.failure["category"] == "authentication"
        assert result.data["auth_method"] == "Basic"

    @pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-256", "SCRAM-SHA-1"])
    def test_the_right_one_is_told(self, run: Runner, mechanism: str) -> None:
        logins = {"me@example.com": SECRETS["password"]}
        with ScriptedServer(Settings(tls="ssl", auth=(mechanism,), logins=logins)) as server:
            result = run("send_email", asset(server, ssl_config="SSL", **OURS, **LOGIN), MAIL)
        assert result.message == "Email sent"
        assert (result.data["auth_method"], result.data["auth_mechanism"]) == ("Basic", mechanism)
        assert server.log.accepted[0].username == "me@example.com"

    def test_a_missing_login_is_named_by_its_fields(self, run: Runner) -> None:
        with ScriptedServer(Settings(auth=("PLAIN",))) as server:
            result = run("send_email", asset(server), MAIL)
        assert "530" in result.message
        assert "username and password" in result.failure["hint"]


@pytest.mark.parametrize(("ssl_config", "port"), [("None", 25), ("SSL", 465), ("StartTLS", 587), (None, 587)])
def test_each_kind_of_encryption_has_its_port(run: Runner, ssl_config: str | None, port: int) -> None:
    nowhere = SimpleNamespace(host="no-such-host.invalid", port=None)
    for nothing in (None, ""):
        done = run("send_email", asset(nowhere, ssl_config=ssl_config, port=nothing), MAIL)
        assert f"Connecting to no-such-host.invalid:{port}." in done.progress
        assert done.data["server"] == f"no-such-host.invalid:{port}"


def test_who_was_refused_is_told_of_even_if_the_others_get_no_connection(run: Runner) -> None:
    settings = Settings(
        limits="MAILMAX=1 RCPTMAX=1",
        refused={"no@example.net": "550 5.1.1 no such user"},
        fault=Fault(Step.BANNER, Kind.CLOSE, nth=2, times=9),
    )
    with ScriptedServer(settings) as server:
        result = run("send_email", asset(server), {"to": "no@example.net, yes@example.net", "body": "x"})
    assert (result.data["outcome"], result.failure["step"]) == ("not sent", "banner")
    assert [(one["status"], one["code"], one["retryable"]) for one in result.data["recipients"]] == [
        ("refused", 550, False),
        ("not tried", None, True),
    ]
    assert "Refused: no@example.net (550 5.1.1 no such user); not tried: yes@example.net." in result.message
