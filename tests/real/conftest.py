"""The real servers, started once for all tests that use them, and the marker of everything in this folder."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from host.local.home import HOME_VARIABLE, Home
from tests.real.aiosmtpd_server import Aiosmtpd
from tests.real.certificates import Certificates, KeyPair
from tests.real.dovecot import Dovecot, Introspection, Submission, User
from tests.real.exim import Exim
from tests.real.node_servers import Haraka, Nodemailer
from tests.real.openid import SHORT_LIFETIME, OpenIdProvider
from tests.real.opensmtpd import OpenSmtpd
from tests.real.people import ALICE, DEFERRED, DOMAINS, MAILBOXES, MEMBERS, PASSWORD, PRESENT, REFUSALS, USERS
from tests.real.postfix import Postfix
from tests.real.processes import public_folder
from tests.real.services import ALL_SERVICES, RELAY

_HERE = Path(__file__).parent
LONG_TOKEN = 3000
"""Octets of an access token: as long as real ones get, far over the 512 of a command line (RFC 4954 section 4)."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(_HERE):
            item.add_marker(pytest.mark.real)


@pytest.fixture(scope="session", autouse=True)
def _stop_the_servers_when_stopped() -> Iterator[None]:
    """A test run that is terminated unwinds as if interrupted: otherwise the servers would stay behind."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """The connector's data folder, new for each test."""
    folder = tmp_path / "home"
    monkeypatch.setenv(HOME_VARIABLE, str(folder))
    return Home(folder)


@pytest.fixture(scope="session")
def servers_folder() -> Iterator[Path]:
    with public_folder("smtp-connector-") as folder:
        yield folder


@pytest.fixture(scope="session")
def certificates(servers_folder: Path) -> Certificates:
    return Certificates(servers_folder)


@pytest.fixture(scope="session")
def server_certificate(certificates: Certificates) -> KeyPair:
    return certificates.server("localhost", "127.0.0.1")


@pytest.fixture(scope="session")
def postfix(servers_folder: Path, server_certificate: KeyPair) -> Iterator[Postfix]:
    folder = servers_folder / "postfix"
    folder.mkdir()
    with Postfix(
        folder,
        server_certificate,
        ALL_SERVICES,
        domains=DOMAINS,
        recipients=(*MAILBOXES, *MEMBERS),
        refusals=REFUSALS,
    ) as server:
        yield server


@pytest.fixture(scope="session")
def provider(
    servers_folder: Path, certificates: Certificates, server_certificate: KeyPair
) -> Iterator[OpenIdProvider]:
    folder = servers_folder / "provider"
    folder.mkdir()
    with OpenIdProvider(folder, certificates, server_certificate, token_octets=LONG_TOKEN) as server:
        yield server


@pytest.fixture(scope="session")
def dovecot(
    servers_folder: Path,
    certificates: Certificates,
    server_certificate: KeyPair,
    postfix: Postfix,
    provider: OpenIdProvider,
) -> Iterator[Dovecot]:
    """Postfix's judge of logins, and a submission server of its own in front of Postfix."""
    folder = servers_folder / "dovecot"
    folder.mkdir()
    with Dovecot(
        folder,
        certificates,
        server_certificate,
        [User(name, PASSWORD) for name in USERS],
        relay_port=postfix.port(RELAY),
        auth_socket=postfix.auth_socket,
        introspection=provider.introspection,
    ) as server:
        yield server


@pytest.fixture(scope="session")
def exim(servers_folder: Path, server_certificate: KeyPair) -> Iterator[Exim]:
    folder = servers_folder / "exim"
    folder.mkdir()
    with Exim(folder, server_certificate, recipients=MAILBOXES, deferred=DEFERRED) as server:
        yield server


@pytest.fixture(scope="session")
def opensmtpd(servers_folder: Path, postfix: Postfix) -> Iterator[OpenSmtpd]:
    folder = servers_folder / "opensmtpd"
    folder.mkdir()
    with OpenSmtpd(folder, recipients=PRESENT, postfix=postfix, service=RELAY) as server:
        yield server


@pytest.fixture(scope="session")
def haraka(servers_folder: Path) -> Iterator[Haraka]:
    folder = servers_folder / "haraka"
    folder.mkdir()
    with Haraka(folder, recipients=PRESENT) as server:
        yield server


@pytest.fixture(scope="session")
def nodemailer(servers_folder: Path) -> Iterator[Nodemailer]:
    folder = servers_folder / "nodemailer"
    folder.mkdir()
    with Nodemailer(folder, recipients=PRESENT) as server:
        yield server


@pytest.fixture(scope="session")
def aiosmtpd(servers_folder: Path) -> Iterator[Aiosmtpd]:
    folder = servers_folder / "aiosmtpd"
    folder.mkdir()
    with Aiosmtpd(folder, recipients=PRESENT) as server:
        yield server


@pytest.fixture
def short_lived(certificates: Certificates, server_certificate: KeyPair) -> Iterator[OpenIdProvider]:
    """A provider of the test's own, whose access tokens end soon."""
    with (
        public_folder("smtp-connector-") as folder,
        OpenIdProvider(folder, certificates, server_certificate, lifetime=SHORT_LIFETIME) as server,
    ):
        yield server


@pytest.fixture
def submission(certificates: Certificates, server_certificate: KeyPair, postfix: Postfix) -> Submission:
    """Submission servers of the test's own."""

    @contextmanager
    def start(introspection: Introspection) -> Iterator[Dovecot]:
        with (
            public_folder("smtp-connector-") as folder,
            Dovecot(
                folder,
                certificates,
                server_certificate,
                [User(ALICE, PASSWORD)],
                relay_port=postfix.port(RELAY),
                introspection=introspection,
            ) as server,
        ):
            yield server

    return start
