"""The console behind a real reverse proxy, nginx: sign-in, cookies, uploads, events as they happen, hosts."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests
from playwright.sync_api import expect

from host.local.home import HOME_VARIABLE, Home
from host.local.people.audit import Audit
from host.local.people.database import PeopleDatabase
from host.local.people.roles import Role
from host.local.people.tokens import Tokens
from host.local.people.users import Users
from tests.real.browser import browsing
from tests.real.certificates import Certificates, KeyPair
from tests.real.connector import ROOT
from tests.real.processes import Daemon, free_ports, public_folder
from tests.support.scripted import Fault, Kind, ScriptedServer, Settings, Step

NGINX = ROOT / ".local" / "nginx" / "usr" / "sbin" / "nginx"
PASSWORD = "correct horse battery"
LARGE = 5 << 20
CONFIGURATION = """
daemon off; master_process off; pid {folder}/pid; error_log {folder}/log;
events {{}}
http {{
    access_log off; client_max_body_size 300m;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port} ssl; ssl_certificate {certificate}; ssl_certificate_key {key};
        location / {{
            proxy_pass http://127.0.0.1:{console};
            proxy_set_header Host $http_host;
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
        }}
    }}
}}
"""


@dataclass(frozen=True)
class Proxied:
    """`url` is what people open, `behind` where the console listens."""

    url: str
    behind: str
    authority: Path


@pytest.fixture
def proxied(home: Home, certificates: Certificates, server_certificate: KeyPair) -> Iterator[Proxied]:
    """A console with a user `jane`, and its inbox, behind nginx."""
    Users(PeopleDatabase(home.folder)).add("jane", PASSWORD, Role.ADMINISTRATOR)
    port, console = free_ports(2)
    url = f"https://127.0.0.1:{port}"
    serve = ["smtp_connector.py", "serve", "--catch", "--port", str(console), "--behind-proxy", url]
    with public_folder("smtp-connector-") as folder:
        configuration = folder / "nginx.conf"
        configuration.write_text(
            CONFIGURATION.format(
                folder=folder,
                port=port,
                console=console,
                certificate=server_certificate.certificate,
                key=server_certificate.key,
            )
        )
        with (
            Daemon(
                [sys.executable, *serve],
                log=folder / "console.log",
                ports=[console],
                environment={"PATH": "/usr/bin:/bin", HOME_VARIABLE: str(home.folder)},
                folder=ROOT,
            ),
            Daemon(
                [str(NGINX), "-e", str(folder / "log"), "-p", str(folder), "-c", str(configuration)],
                log=folder / "nginx.log",
                ports=[port],
            ),
        ):
            yield Proxied(url, f"http://127.0.0.1:{console}", certificates.certificate)


def test_people_sign_in_upload_and_send(proxied: Proxied, home: Home) -> None:
    with browsing() as page:
        page.goto(f"{proxied.url}/vault")
        page.fill("#name", "jane")
        page.fill("#password", PASSWORD)
        page.click("main button >> text=Sign in")
        page.wait_for_url(f"{proxied.url}/vault")
        (cookie,) = page.context.cookies(proxied.url)
        assert (cookie["name"], cookie["secure"], cookie["httpOnly"]) == ("__Host-session", True, True)
        assert (cookie["sameSite"], cookie["path"]) == ("Strict", "/")
        file = {"name": "large.bin", "mimeType": "application/octet-stream", "buffer": b"x" * LARGE}
        page.set_input_files("#file", file)
        page.click("button >> text=Add")
        expect(page.locator("table")).to_contain_text("large.bin")
        page.goto(f"{proxied.url}/run?action=send+htmlemail&asset=catcher&sample=1")
        page.click("button[value=send]")
        expect(page.locator("#result")).to_contain_text("Email sent", timeout=90_000)
    assert [record.size for record in home.vault.list() if record.name == "large.bin"] == [LARGE]
    (line,) = [line for line in Audit(PeopleDatabase(home.folder)).list() if line.what == "signed in"]
    assert line.who == "jane"


def test_events_come_through_as_they_happen(proxied: Proxied, home: Home) -> None:
    token = Tokens(PeopleDatabase(home.folder)).make("test", Role.ADMINISTRATOR)
    with (
        ScriptedServer(Settings(fault=Fault(Step.END, Kind.SILENCE))) as server,
        requests.Session() as program,
    ):
        program.trust_env, program.verify = False, str(proxied.authority)
        program.headers["ph-auth-token"] = token
        home.assets.add("silent", {"server": server.host, "port": server.port, "ssl_config": "None"})
        mail = {"from": "soc@example.org", "to": "jane@example.com", "body": "Hello"}
        asked = {"action": "send email", "targets": [{"assets": ["silent"], "parameters": [mail]}]}
        run = program.post(f"{proxied.url}/rest/action_run", json=asked, timeout=60).json()["action_run_id"]
        address = f"{proxied.url}/rest/action_run/{run}"
        with program.get(f"{address}/events", stream=True, timeout=60) as events:
            lines = events.iter_lines(chunk_size=1)
            assert next(lines) == b"id: 0"  # while the run waits for its server, which says nothing
            assert program.get(address, timeout=60).json()["status"] == "running"
            assert program.post(address, json={"cancel": True}, timeout=60).json() == {"success": True}
            assert b"event: ended" in list(lines)


def test_other_names_and_ways_are_refused(proxied: Proxied) -> None:
    with requests.Session() as stranger:
        stranger.trust_env, stranger.verify = False, str(proxied.authority)
        for url, host in ((proxied.url, "evil.example"), (proxied.behind, None)):
            headers = {"Host": host} if host is not None else {}
            answer = stranger.get(f"{url}/sign-in", headers=headers, timeout=60)
            assert (answer.status_code, "not an address of this console" in answer.text) == (403, True)
        answer = stranger.post(
            f"{proxied.url}/sign-in", headers={"Origin": "https://evil.example"}, timeout=60
        )
        assert answer.status_code == 403
        answer = stranger.get(f"{proxied.url}/sign-in", timeout=60)
        assert (answer.status_code, answer.headers["strict-transport-security"]) == (200, "max-age=31536000")
