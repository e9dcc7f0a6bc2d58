"""The page that leads from a password to a certificate, tried as it stands by somebody who has never done it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from auth.providers import profiles
from tests.support.authority import authority
from tests.support.scripted import ScriptedServer, Settings
from tests.support.token_endpoint import Proxy, TokenEndpoint

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "microsoft-2026.md").read_text(encoding="utf-8")
MAILBOX = "alerts@contoso.com"
TOKEN = "a-token-for-exchange"


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture
def cloud() -> Iterator[TokenEndpoint]:
    with TokenEndpoint(tls=authority().server("login.microsoftonline.com")) as endpoint:
        endpoint.behaviour.access_token = TOKEN
        yield endpoint


def test_it_takes_five_commands_at_most() -> None:
    commands = [line for block in (*blocks("sh"), *blocks("powershell")) for line in block.splitlines()]
    assert len(commands) <= 5


def test_every_command_works_as_it_is_written(cloud: TokenEndpoint, tmp_path: Path) -> None:
    make, try_it, replace = blocks("sh")
    (fields,) = (json.loads(block) for block in blocks("json"))
    settings = Settings(tls="starttls", auth=("LOGIN", "XOAUTH2"), logins={MAILBOX: TOKEN}, lifetime=120)
    with ScriptedServer(settings) as exchange, Proxy(cloud.port) as proxy:
        reachable = {"server": "localhost", "port": exchange.port, "ca_bundle": authority().pem}

        def run(command: str) -> subprocess.CompletedProcess[str]:
            call = f"{sys.executable} {ROOT / 'smtp_connector.py'}"
            environment = {
                "PATH": os.environ["PATH"],
                "SMTP_CONNECTOR_HOME": str(tmp_path / "home"),
                "HTTPS_PROXY": proxy.url,
            }
            command = command.replace("smtp-connector", call)
            return subprocess.run(
                ["/bin/sh", "-c", command],
                cwd=tmp_path,
                env=environment,
                capture_output=True,
                text=True,
                timeout=120,
            )

        # as `asset add --email` makes it, and told to use the password
        (microsoft,) = (profile for profile in profiles.profiles() if profile.name == "Microsoft 365")
        known = {**microsoft.asset_fields(MAILBOX), **reachable}
        old = {**known, "password": TOKEN, "auth_type": "Basic"}
        (tmp_path / "old.json").write_text(json.dumps(old))
        (tmp_path / "old.json").chmod(0o600)
        assert run("smtp-connector asset add alerts --config ./old.json").returncode == 0
        made = run(make)
        assert made.returncode == 0, made.stderr
        assert (tmp_path / "smtp.pem").stat().st_mode & 0o077 == 0, "others can read the key"
        certificate = x509.load_pem_x509_certificate((tmp_path / "smtp.crt").read_bytes())
        key = certificate.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        cloud.behaviour.application_key, cloud.behaviour.client_id = key.decode(), "app"
        new = (
            fields
            | {"client_id": "app", "token_url": fields["token_url"].replace("TENANT", "contoso")}
            | reachable
        )
        (tmp_path / "alerts.json").write_text(json.dumps(new))
        tried = run(try_it)
        assert tried.returncode == 0, tried.stdout + tried.stderr
        assert "Logged in: OAuth, XOAUTH2." in tried.stderr + tried.stdout
        replaced = run(replace.replace("CLIENT_ID", "app").replace("TENANT", "contoso"))
        assert replaced.returncode == 0, replaced.stderr
        shown = run("smtp-connector asset show alerts").stdout
        for_a_person = ("auth_url", "scopes")
        assert json.loads(shown)["config"] == {
            **{name: value for name, value in known.items() if name not in for_a_person},
            **{name: new[name] for name in ("client_id", "token_url")},
            "oauth_certificate": {"file": str(tmp_path / "smtp.pem")},
        }
        assert run('smtp-connector run "test connectivity" --asset alerts').returncode == 0
    assert [mail.mechanism for mail in exchange.log.accepted] == ["XOAUTH2", "XOAUTH2"]
    assert [request.form["scope"] for request in cloud.requests] == [
        "https://outlook.office365.com/.default",
        "https://outlook.office365.com/.default",
    ]
