"""The package on CPython 3.13 with nothing but its own wheels and what the platform brings, real servers underneath."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.message.test_signing import RSA, certificate, pem, verifies
from tests.platform.installation import Platform
from tests.platform.python313 import brought_by_the_package, brought_by_the_platform, python313
from tests.real import browser
from tests.real.certificates import Certificates, KeyPair
from tests.real.connector import Fields
from tests.real.dovecot import Submission
from tests.real.openid import OpenIdProvider
from tests.real.people import ALICE, BOB, CAROL, PASSWORD, UNKNOWN
from tests.real.postfix import Postfix
from tests.real.processes import public_folder, run
from tests.real.services import LOGIN_STARTTLS
from tests.support.catcher import Catcher
from tools import package as packaging
from tools.wheels import bundled, wheels

PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00"
_LINK = re.compile(r"https://localhost:\d+/auth\?\S+")
_CLIENT = "soar"


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    bundle = wheels(bundled(packaging.ROOT / packaging.LOCK), packaging.ROOT / packaging.WHEELS)
    return packaging.write(packaging.ROOT, tmp_path_factory.mktemp("dist"), bundle)


@pytest.fixture(scope="module")
def packages(package: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """All that can be imported besides the standard library and the app."""
    folder = tmp_path_factory.mktemp("packages")
    return [
        brought_by_the_platform(folder / "platform"),
        brought_by_the_package(package, folder / "package"),
    ]


@pytest.fixture
def platform(
    package: Path, packages: list[Path], certificates: Certificates, tmp_path: Path
) -> Iterator[Platform]:
    with Platform(tmp_path / "platform", package, python313(), packages) as installed:
        authorities = installed.home / "etc" / "cacerts.pem"
        authorities.write_bytes(Path(certificates.certificate).read_bytes())
        yield installed


@pytest.fixture
def fields(postfix: Postfix, dovecot: object) -> Fields:
    """A login by password; the authority is the platform's."""
    return {
        "server": "localhost",
        "port": float(postfix.port(LOGIN_STARTTLS)),
        "ssl_config": "StartTLS",
        "username": ALICE,
        "password": PASSWORD,
        "ca_bundle": "",
    }


def test_every_wheel_of_the_package_can_be_imported_on_a_bare_python(packages: list[Path]) -> None:
    program = """
import sys
sys.path += sys.argv[1:]
import attr, authlib.integrations.requests_client, cffi, cryptography.x509
import joserfc, jsonschema, jwt, msal, nh3
print(*sys.version_info[:2])
"""
    assert run([str(python313()), "-I", "-S", "-c", program, *map(str, packages)]) == "3 13\n"


def test_connectivity_is_tested(platform: Platform, fields: Fields, postfix: Postfix) -> None:
    done = platform.run("test_connectivity", fields)
    assert done.result["status"] == "success", done.told
    (result,) = done.result["result_data"]
    assert ALICE in result["message"]
    assert any("TLSv1." in text for text in done.progress)


def test_a_mail_with_an_attachment_arrives_and_a_refused_recipient_is_named(
    platform: Platform, fields: Fields, postfix: Postfix
) -> None:
    content = bytes(range(256)) * 4000
    vault_id = platform.add_to_vault(content, "Übersicht.bin", container_id=17)
    parameters = {
        "to": f'"Doe, Jane" <{BOB}>, {UNKNOWN}',
        "bcc": CAROL,
        "subject": "Grüße {0}",
        "body": "Grüße {}\n.\n..",
        "attachments": vault_id,
    }
    done = platform.run("send_email", fields, parameters)
    assert done.data["outcome"] == "partly sent", done.told
    assert f"{UNKNOWN} (550 5.1.1 " in done.result["result_data"][0]["message"]
    for recipient in (BOB, CAROL):
        delivered = postfix.mailboxes.wait_for(recipient, done.data["message_id"])
        assert delivered.message["Subject"] == "Grüße {0}"
        assert "Authenticated sender" in delivered.added["received"]
        (_, _, text), attachment = delivered.parts
        assert text.decode().replace("\r\n", "\n").rstrip("\n") == "Grüße {}\n.\n.."
        assert attachment == ("application/octet-stream", "Übersicht.bin", content)


def test_an_html_mail_with_an_inline_image_arrives(
    platform: Platform, fields: Fields, postfix: Postfix
) -> None:
    image = platform.add_to_vault(PNG, "logo.png", container_id=4)
    parameters = {
        "to": BOB,
        "html_body": '<p onclick="x()">Logo: <img src="cid:logo"></p><script>x()</script>',
        "attachment_json": f'[{{"vault_id": "{image}", "content_id": "logo"}}]',
    }
    done = platform.run("send_htmlemail", fields, parameters)
    delivered = postfix.mailboxes.wait_for(BOB, done.data["message_id"])
    (_, _, _), (_, _, html), inline = delivered.parts
    assert b"cid:logo" in html
    assert b"script" not in html
    assert b"onclick" not in html
    assert inline == ("image/png", "logo.png", PNG)


def test_templates_markdown_signatures_and_invitations_need_nothing_but_the_wheels(
    platform: Platform,
) -> None:
    with Catcher() as server:
        account = {
            "server": server.host,
            "port": server.port,
            "ssl_config": "None",
            "sender_address": "soc@example.com",
            "dkim_selector": "s1",
            "dkim_domain": "example.com",
            "dkim_key": pem(RSA).decode(),
            "smime_certificate": (certificate(RSA, "soc") + pem(RSA)).decode(),
        }
        mail = {
            "to": BOB,
            "body": "# For {{ who }}\n\n<div style='background: red url(https://e.test/x)'>x</div>",
            "body_format": "markdown",
            "template_values": '{"who": "Ann"}',
        }
        shown = platform.run("preview_email", account, mail)
        assert shown.result["status"] == "success", shown.told
        assert ">For Ann</h1>" in shown.data["html"]
        assert shown.data["structure"][0]["type"] == "multipart/signed"
        times = {"start": "2026-07-01T10:00", "end": "2026-07-01T11:00", "timezone": "Europe/Berlin"}
        done = platform.run("send_invitation", account, {"to": BOB, "subject": "Review", **times})
        assert done.result["result_data"][0]["message"] == "Email sent", done.told
        assert verifies(server.messages[0].content, RSA)
        assert b"text/calendar; charset=utf-8; method=REQUEST" in server.messages[0].content


def test_a_raw_mail_arrives_as_it_is(platform: Platform, fields: Fields, postfix: Postfix) -> None:
    raw = f"to: {BOB}\\nfrom: {ALICE}\\nMessage-ID: <raw{platform.home.stat().st_ino}@example.com>\\n\\n{{kept}}"
    done = platform.run("send_rawemail", fields, {"raw_email": raw})
    assert done.result["status"] == "success", done.told
    delivered = postfix.mailboxes.wait_for(BOB, done.data["message_id"])
    assert delivered.content.rstrip(b"\r\n") == raw.replace("\\n", "\r\n").encode()


class Provider(OpenIdProvider):
    """A provider that knows the platform's app too, which browsers are sent back to."""

    redirect_uri = ""

    def _clients(self) -> list[Fields]:
        return [
            *super()._clients(),
            {
                "client_id": _CLIENT,
                "token_endpoint_auth_method": "none",
                "application_type": "native",
                "grant_types": ["authorization_code", "refresh_token"],
                "redirect_uris": [self.redirect_uri],
                "scope": "openid offline_access smtp",
            },
        ]


@pytest.fixture
def provider_of_the_platform(
    platform: Platform, certificates: Certificates, server_certificate: KeyPair
) -> Iterator[OpenIdProvider]:
    with public_folder("smtp-connector-") as folder:
        server = Provider(folder, certificates, server_certificate)
        # An address of this machine may come with any port (RFC 8252 section 7.3).
        server.redirect_uri = f"http://localhost/rest/handler/{platform.app.name}/mail"
        with server:
            yield server


def test_a_person_signs_in_and_mail_goes_out_from_then_on(
    platform: Platform, provider_of_the_platform: OpenIdProvider, submission: Submission, postfix: Postfix
) -> None:
    provider = provider_of_the_platform
    asset_id = platform.add_asset("mail")
    with submission(provider.introspection) as server:
        fields = {
            "server": "localhost",
            "port": server.port,
            "ssl_config": "StartTLS",
            "username": ALICE,
            "client_id": _CLIENT,
            "auth_url": provider.auth_url,
            "token_url": provider.token_url,
            "scopes": "openid offline_access smtp",
        }
        process = platform.start("test_connectivity", fields, asset_id=asset_id)
        link = _LINK.search(process.wait_for("open this link"))
        assert link is not None
        assert "You are signed in" in browser.sign_in(link[0], ALICE)
        tested = process.finish()
        assert tested.result["status"] == "success", tested.told

        sent = platform.run("send_email", fields, {"to": BOB, "body": "Hello"}, asset_id=asset_id)
        assert sent.data["auth_mechanism"] in ("OAUTHBEARER", "XOAUTH2"), sent.told
        assert postfix.mailboxes.wait_for(BOB, sent.data["message_id"]).message["From"] == ALICE
    assert [grant.grant for grant in provider.grants] == ["authorization_code"]
    assert not list(platform.app.glob("*_state.json"))
