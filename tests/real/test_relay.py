"""The relay as a process, with clients and mail servers that nobody here wrote on both its sides."""

from __future__ import annotations

import base64
import json
import os
import re
import smtplib
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from host.local.home import Home
from tests.doors.relay.test_destinations import PLAIN_SESSION, TOKEN_SESSION
from tests.faults.programs import PROGRAMS
from tests.real.certificates import Certificates, KeyPair
from tests.real.connector import ROOT, SENDER, asset, login
from tests.real.dovecot import Dovecot
from tests.real.openid import CLIENT_SECRET, PUBLIC_CLIENT, SERVICE_CLIENT, OpenIdProvider
from tests.real.people import ALICE, BLOCKED, BOB, CAROL, UNKNOWN
from tests.real.postfix import Postfix
from tests.real.processes import public_folder, wait_until
from tests.real.services import LOGIN_BY, LOGIN_STARTTLS, RELAY
from tests.real.sign_in import WITH_CODE, authorization_code, refresh_token
from tests.real.smarthosts import EximSmarthost, PostfixSmarthost

PATIENCE = 30.0


@contextmanager
def relay(*arguments: str, authority: Path | None = None) -> Iterator[tuple[int, list[str]]]:
    """The port of a relay, and its log once it has ended."""
    command = [
        sys.executable,
        str(ROOT / "smtp_connector.py"),
        "relay",
        "--listen",
        "127.0.0.1:0",
        *arguments,
    ]
    environment = dict(os.environ) | ({"SSL_CERT_FILE": str(authority)} if authority else {})
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as process:
        said: list[str] = []
        try:
            assert process.stderr is not None
            while not (match := re.search(r"listening on \S+:(\d+) for", line := process.stderr.readline())):
                assert line, "the relay has ended"
            yield int(match[1]), said
        finally:
            process.terminate()
            said += process.communicate(timeout=PATIENCE)[1].splitlines()
    assert "Traceback" not in "\n".join(said)


@pytest.fixture
def through(
    tmp_path: Path, home: Home, postfix: Postfix, dovecot: Dovecot, certificates: Certificates
) -> Iterator[int]:
    """The port of a relay that logs in at Postfix for its clients."""
    fields = asset(postfix.port(LOGIN_STARTTLS), "starttls", certificates, **login(ALICE))
    path = tmp_path / "asset.json"
    path.write_text(json.dumps(fields))
    with relay("--asset", str(path)) as (port, _):
        yield port


def mail(name: str) -> bytes:
    fields = f"From: {SENDER}\r\nTo: {BOB}\r\nSubject: relayed\r\nMessage-ID: <{name}@relay.test>\r\n"
    return f"{fields}\r\n.a dot\r\n".encode()


def arrived(postfix: Postfix, name: str) -> None:
    """It is in the mailbox with the octets that it was sent with."""
    delivered = postfix.mailboxes.wait_for(BOB, f"<{name}@relay.test>")
    assert b"Subject: relayed\r\n" in delivered.content
    assert delivered.content.partition(b"\r\n\r\n")[2].rstrip(b"\r\n") == b".a dot"


def test_smtplib_is_told_by_postfix_who_is_refused(through: int, postfix: Postfix) -> None:
    with smtplib.SMTP("127.0.0.1", through, timeout=PATIENCE) as client:
        refused = client.sendmail(SENDER, [BOB, UNKNOWN, BLOCKED], mail("smtplib"))
    assert {address: code for address, (code, _) in refused.items()} == {UNKNOWN: 550, BLOCKED: 550}
    assert b"Not welcome here" in refused[BLOCKED][1]
    arrived(postfix, "smtplib")


@pytest.mark.parametrize("name", ["nodemailer", "go", "msmtp"])
def test_other_clients_send_and_are_told_who_is_refused(name: str, through: int, postfix: Postfix) -> None:
    program = PROGRAMS[name]
    program.install()
    conversation = program.started(through, "plain", PATIENCE, "", "")
    try:
        assert conversation.send(SENDER, mail(name), [BOB]) == (True, [])
        sent, _ = conversation.send(SENDER, mail(f"{name}-refused"), [UNKNOWN])
        assert not sent
    finally:
        conversation.end()
    arrived(postfix, name)


def test_swaks_sends(through: int, postfix: Postfix) -> None:
    command = [
        "swaks",
        "--server",
        f"127.0.0.1:{through}",
        "--from",
        SENDER,
        "--to",
        BOB,
        "--data",
        "-",
        "--pipeline",
    ]
    done = subprocess.run(command, input=mail("swaks"), capture_output=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0, done.stdout.decode()
    arrived(postfix, "swaks")


def test_postfix_hands_everything_on(through: int, postfix: Postfix, server_certificate: KeyPair) -> None:
    with (
        public_folder("smtp-connector-") as folder,
        PostfixSmarthost(folder, server_certificate, through) as smarthost,
    ):
        with smtplib.SMTP("127.0.0.1", smarthost.submission_port, timeout=PATIENCE) as client:
            client.sendmail(SENDER, [BOB], mail("postfix"))
        arrived(postfix, "postfix")
        wait_until(lambda: "status=" in smarthost.log, "Postfix to write down what the relay said")
        assert re.search(r"status=sent \(250 2\.0\.0 Ok: .*queued as ", smarthost.log)


def test_exim_hands_everything_on(through: int, postfix: Postfix) -> None:
    with public_folder("smtp-connector-") as folder, EximSmarthost(folder, through) as smarthost:
        smarthost.send(SENDER, BOB, mail("exim"))
        arrived(postfix, "exim")
        wait_until(lambda: smarthost.is_empty, "Exim to let the mail go")


def by_nc(port: int, session: str) -> str:
    done = subprocess.run(
        ["nc", "-C", "-q", "5", "127.0.0.1", str(port)],
        input=f"{session}QUIT\n",
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=True,
    )
    return done.stdout


def test_a_session_that_is_typed_into_nc_works_as_saps_documentation_has_it(
    tmp_path: Path,
    home: Home,
    postfix: Postfix,
    dovecot: Dovecot,
    provider: OpenIdProvider,
    certificates: Certificates,
) -> None:
    """OAuth2ClientCredentials with a real provider: the client says nothing of it."""
    destination = {
        "Name": "example-dest-smtp",
        "Type": "MAIL",
        "Authentication": "OAuth2ClientCredentials",
        "mail.user": f"{SERVICE_CLIENT}@example.com",
        "mail.transport.protocol": "smtp",
        "mail.smtp.host": "localhost",
        "mail.smtp.auth": "true",
        "mail.smtp.port": str(postfix.port(LOGIN_BY["XOAUTH2"])),
        "ProxyType": "Internet",
        "tokenServiceURL": provider.token_url,
        "clientId": SERVICE_CLIENT,
        "clientSecret": CLIENT_SECRET,
        "scope": "smtp",
        "tokenServiceURLType": "Dedicated",
    }
    path = tmp_path / "destination.json"
    path.write_text(json.dumps(destination))
    with relay("--destinations", str(path), authority=certificates.certificate) as (port, said):
        answers = by_nc(
            port, PLAIN_SESSION.replace("receiver@transparentproxy.com", "receiver@testdomain.com")
        )
        assert [line[:3] for line in answers.splitlines()] == ["220", "250", "250", "354", "250", "221"], (
            answers
        )
    delivered = postfix.mailboxes.wait_for("receiver@testdomain.com", "From: <sender@transparentproxy.com>")
    assert b"Some test data." in delivered.content
    assert CLIENT_SECRET not in "\n".join(said)


def token_destination(
    folder: Path, postfix: Postfix, provider: OpenIdProvider, authentication: str, **more: str
) -> str:
    """The file of a destination whose clients bring the token of ALICE."""
    path = folder / "destination.json"
    destination = {
        "Name": "example-dest-smtp",
        "Type": "MAIL",
        "Authentication": authentication,
        "mail.user": ALICE,
        "mail.smtp.host": "localhost",
        "mail.smtp.port": str(postfix.port(LOGIN_BY["XOAUTH2"])),
        "tokenServiceURL": provider.token_url,
        "clientId": PUBLIC_CLIENT,
        **more,
    }
    path.write_text(json.dumps(destination))
    return str(path)


def typed_with_token(port: int, token: str, recipient: str) -> list[str]:
    """SAP's session with ALICE's token in it, typed into nc; the codes of the answers."""
    encoded = base64.b64encode(f"user={ALICE}\x01auth=Bearer {token}\x01\x01".encode()).decode()
    session = TOKEN_SESSION.replace("<base64-encoded-token>", encoded)
    answers = by_nc(port, session.replace("receiver@transparentproxy.com", recipient))
    return [line[:3] for line in answers.splitlines()]


SENT_WITH_TOKEN = ["220", "500", "235", "250", "250", "354", "250", "221"]


def test_a_refresh_token_that_is_typed_into_nc_is_exchanged_at_the_provider(
    tmp_path: Path,
    home: Home,
    postfix: Postfix,
    dovecot: Dovecot,
    provider: OpenIdProvider,
    certificates: Certificates,
) -> None:
    token = refresh_token(provider, str(certificates.certificate), PUBLIC_CLIENT, ALICE)
    path = token_destination(tmp_path, postfix, provider, "OAuth2RefreshToken")
    with relay("--destinations", path, authority=certificates.certificate) as (port, said):
        assert typed_with_token(port, token, CAROL) == SENT_WITH_TOKEN
    assert postfix.mailboxes.wait_for(CAROL, "From: <sender@transparentproxy.com>")
    assert token not in "\n".join(said)


def test_an_authorization_code_that_is_typed_into_nc_is_exchanged_at_the_provider_once(
    tmp_path: Path,
    home: Home,
    postfix: Postfix,
    dovecot: Dovecot,
    provider: OpenIdProvider,
    certificates: Certificates,
) -> None:
    code = authorization_code(provider, str(certificates.certificate), PUBLIC_CLIENT, ALICE)
    body = {f"tokenService.body.{name}": value for name, value in WITH_CODE.items()}
    path = token_destination(tmp_path, postfix, provider, "OAuth2AuthorizationCode", **body)
    with relay("--destinations", path, authority=certificates.certificate) as (port, said):
        assert typed_with_token(port, code, BOB) == SENT_WITH_TOKEN
        assert typed_with_token(port, code, BOB)[2:4] == ["535", "530"]
    assert postfix.mailboxes.wait_for(BOB, "From: <sender@transparentproxy.com>")
    assert code not in "\n".join(said)


def test_what_a_relay_can_not_reach_is_told_by_postfix_itself(
    tmp_path: Path, home: Home, postfix: Postfix, certificates: Certificates
) -> None:
    """Without a login Postfix takes mail for its own domains only."""
    path = tmp_path / "asset.json"
    path.write_text(json.dumps(asset(postfix.port(RELAY), "plain", certificates)))
    with (
        relay("--asset", str(path)) as (port, _),
        smtplib.SMTP("127.0.0.1", port, timeout=PATIENCE) as client,
        pytest.raises(smtplib.SMTPRecipientsRefused) as refused,
    ):
        client.sendmail(SENDER, ["somebody@elsewhere.example"], mail("elsewhere"))
    assert refused.value.recipients["somebody@elsewhere.example"][0] == 554
