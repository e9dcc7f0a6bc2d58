"""TLS where the server offers it, for doors whose mails need no login."""

from __future__ import annotations

import pytest

from auth.settings import Login
from delivery.asset import Asset
from delivery.transport import Access
from smtp.errors import CertificateError, Step
from smtp.session import Session
from smtp.tls import TlsMode
from tests.support.actions import FakeContext
from tests.support.authority import authority
from tests.support.scripted import Fault, Kind, ScriptedServer, Settings
from tests.support.scripted.settings import Step as At


def connect(server: ScriptedServer, *, trusted: bool = True) -> Session:
    login = Login(
        id="1",
        server=server.host,
        port=server.port,
        username="me",
        password="secret",
        ca_bundle=authority().pem if trusted else "",
        connection_timeout=5,
        read_timeout=5,
    )
    asset = Asset(login, ssl_config=TlsMode.IF_OFFERED)
    return Access(asset, FakeContext()).connect_and_log_in(lambda: None)


def test_the_connection_is_encrypted_where_the_server_offers_it() -> None:
    with ScriptedServer(Settings(tls="starttls")) as server, connect(server) as session:
        assert session.tls is not None


def test_the_connection_is_in_clear_where_the_server_offers_no_tls() -> None:
    with ScriptedServer() as server, connect(server) as session:
        assert session.tls is None
        assert session.extensions


def test_a_server_that_knows_no_ehlo_offers_nothing() -> None:
    fault = Fault(At.EHLO, Kind.PERMANENT, reply=b"502 5.5.1 what?\r\n", times=9)
    with ScriptedServer(Settings(fault=fault)) as server, connect(server) as session:
        assert session.tls is None
        assert session.is_open


@pytest.mark.parametrize("tls", ["plain", "starttls"])
def test_nobody_logs_in(tls: str) -> None:
    with ScriptedServer(Settings(tls=tls, auth=("PLAIN",), logins={"me": "secret"})) as server:
        connect(server).quit()
    assert not any(command.startswith(b"AUTH") for _, command in server.log.commands)


def test_a_server_that_is_not_who_it_should_be_gets_nothing_in_clear_either() -> None:
    with ScriptedServer(Settings(tls="starttls")) as server:
        with pytest.raises(CertificateError) as raised:
            connect(server, trusted=False)
        assert raised.value.step is Step.TLS
    assert not any(command.startswith(b"MAIL") for _, command in server.log.commands)
