"""The sign-in of a person: test connectivity shows a link, a real browser follows it, mail goes out from then on."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.real import browser
from tests.real.certificates import Certificates
from tests.real.connector import ROOT, Fields, asset, command
from tests.real.dovecot import Dovecot, Submission
from tests.real.openid import (
    CLIENT_SECRET,
    CONFIDENTIAL_CLIENT,
    PUBLIC_CLIENT,
    SHORT_LIFETIME,
    OpenIdProvider,
)
from tests.real.people import ALICE, BOB
from tests.real.postfix import Postfix

_LINK = re.compile(r"https://localhost:\d+/auth\?\S+")
_SECONDS = 90


class ConnectivityTest:
    """`asset test NAME` in a process of its own, its progress read while it runs."""

    def __init__(self, name: str, home: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(ROOT / "smtp_connector.py"), "asset", "test", name],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={
                "PATH": "/usr/bin:/bin",
                "SMTP_CONNECTOR_HOME": str(home),
                "HOME": str(home),
                "LANG": "C.UTF-8",
            },
        )
        self._bound = threading.Timer(_SECONDS, self._process.kill)
        self._bound.start()
        self.progress = ""

    def link(self) -> str:
        """The sign-in link that it shows."""
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self.progress += line
            if found := _LINK.search(line):
                return found[0]
        raise AssertionError(f"No link was shown: {self.progress}")

    def finish(self) -> tuple[int, Fields]:
        """Its exit code and its result."""
        output, rest = self._process.communicate()
        self._bound.cancel()
        self.progress += rest
        document: Fields = json.loads(output)
        return self._process.returncode, document


def _fields(server: Dovecot, provider: OpenIdProvider, certificates: Certificates, client: str) -> Fields:
    """An asset whose user has to sign in."""
    secret = {"client_secret": CLIENT_SECRET} if client == CONFIDENTIAL_CLIENT else {}
    return asset(
        server.port,
        "starttls",
        certificates,
        username=ALICE,
        sender_address=ALICE,
        client_id=client,
        auth_url=provider.auth_url,
        token_url=provider.token_url,
        scopes="openid offline_access smtp",
        **secret,
    )


@pytest.fixture(params=[PUBLIC_CLIENT, CONFIDENTIAL_CLIENT])
def fields(
    request: pytest.FixtureRequest, dovecot: Dovecot, provider: OpenIdProvider, certificates: Certificates
) -> Fields:
    return _fields(dovecot, provider, certificates, request.param)


def _add(fields: Fields, folder: Path) -> None:
    config = folder / "asset.json"
    config.write_text(json.dumps(fields))
    added = command("asset", "add", "mail", "--config", str(config), home=folder)
    assert added.code == 0, added.stderr


def test_a_person_signs_in_and_mail_goes_out_from_then_on(
    fields: Fields, postfix: Postfix, provider: OpenIdProvider, tmp_path: Path
) -> None:
    _add(fields, tmp_path)
    before = len(provider.grants)
    connectivity = ConnectivityTest("mail", tmp_path)
    page = browser.sign_in(connectivity.link(), ALICE)
    code, document = connectivity.finish()
    assert code == 0, connectivity.progress
    assert "signed in" in page
    assert document["status"] == "success"
    assert f"sent to {ALICE}" in document["message"]
    parameters = json.dumps({"to": BOB, "subject": "No browser needed", "body": "Hello"})
    sent = command("run", "send email", "--asset", "mail", "--params", parameters, home=tmp_path)
    assert sent.code == 0, sent.stderr
    message_id = sent.document["result_data"][0]["data"][0]["message_id"]
    assert postfix.mailboxes.wait_for(BOB, message_id).message["Subject"] == "No browser needed"
    assert [grant.grant for grant in provider.grants[before:]] == ["authorization_code"]


def test_the_token_of_a_sign_in_is_refreshed_without_the_person(
    short_lived: OpenIdProvider,
    submission: Submission,
    postfix: Postfix,
    certificates: Certificates,
    tmp_path: Path,
) -> None:
    with submission(short_lived.introspection) as server:
        _add(_fields(server, short_lived, certificates, PUBLIC_CLIENT), tmp_path)
        connectivity = ConnectivityTest("mail", tmp_path)
        browser.sign_in(connectivity.link(), ALICE)
        assert connectivity.finish()[0] == 0, connectivity.progress
        for _ in range(2):
            time.sleep(SHORT_LIFETIME + 0.5)
            again = command("asset", "test", "mail", home=tmp_path)
            assert again.code == 0, again.stderr
            assert _LINK.search(again.stderr) is None
    assert [(grant.grant, grant.error) for grant in short_lived.grants] == [
        ("authorization_code", None),
        ("refresh_token", None),
        ("refresh_token", None),
    ]


def test_a_send_before_the_sign_in_says_how_to_sign_in(fields: Fields, tmp_path: Path) -> None:
    _add(fields, tmp_path)
    parameters = json.dumps({"to": BOB, "subject": "Too early", "body": "Hello"})
    sent = command("run", "send email", "--asset", "mail", "--params", parameters, home=tmp_path)
    assert sent.code == 1
    assert "test connectivity" in json.dumps(sent.document)
    assert sent.document["result_data"][0]["data"][0]["outcome"] == "not sent"


def test_no_secret_of_the_sign_in_is_left_in_clear(fields: Fields, tmp_path: Path) -> None:
    _add(fields, tmp_path)
    connectivity = ConnectivityTest("mail", tmp_path)
    link = connectivity.link()
    browser.sign_in(link, ALICE)
    code, document = connectivity.finish()
    assert code == 0, connectivity.progress
    shown = json.dumps(document) + connectivity.progress.replace(link, "")
    stored = b"".join(
        path.read_bytes() for path in tmp_path.rglob("*") if path.is_file() and path.name != "asset.json"
    )
    for name in ("access_token", "refresh_token", "code_verifier", CLIENT_SECRET):
        assert name.encode() not in stored
    assert CLIENT_SECRET not in shown
