"""Signing in to the console, and to an asset through it: at a real OpenID provider, in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from host.local.home import Home
from host.local.people.audit import Audit
from host.local.people.database import PeopleDatabase
from host.local.people.roles import Role
from host.local.people.users import Users
from tests.real import browser
from tests.real.certificates import Certificates, KeyPair
from tests.real.connector import asset
from tests.real.consoles import RESULT_WITHIN, Served, serving, signed_in
from tests.real.dovecot import Dovecot, Submission
from tests.real.openid import CLIENT_SECRET, CONSOLE_CLIENT, DEVICE_CLIENT, PUBLIC_CLIENT, OpenIdProvider
from tests.real.people import ALICE, BOB
from tests.real.processes import free_port, public_folder
from tests.real.sign_in import agree_to_code

PASSWORD = "correct horse battery"


@pytest.fixture
def port() -> int:
    return free_port()


BOTH = pytest.mark.parametrize("base", ["http", "https"], indirect=True)


@pytest.fixture(params=["https"])
def base(request: pytest.FixtureRequest, port: int) -> str:
    """Where the console is: on this machine alone, or as where others reach it."""
    return f"{request.param}://127.0.0.1:{port}"


@pytest.fixture
def own_provider(
    base: str, certificates: Certificates, server_certificate: KeyPair
) -> Iterator[OpenIdProvider]:
    with (
        public_folder("smtp-connector-") as folder,
        OpenIdProvider(folder, certificates, server_certificate, console=base) as server,
    ):
        yield server


@pytest.fixture
def served(
    base: str,
    port: int,
    home: Home,
    own_provider: OpenIdProvider,
    certificates: Certificates,
    server_certificate: KeyPair,
    tmp_path: Path,
) -> Iterator[Served]:
    secret = tmp_path / "secret"
    secret.write_text(f"{CLIENT_SECRET}\n")
    tls = ["--tls-cert", str(server_certificate.certificate), "--tls-key", str(server_certificate.key)]
    with serving(
        home,
        *("--port", str(port)),
        *(
            "--oidc-issuer",
            own_provider.issuer,
            "--oidc-client-id",
            CONSOLE_CLIENT,
            "--oidc-secret",
            str(secret),
        ),
        *(tls if base.startswith("https") else ()),
        SSL_CERT_FILE=str(certificates.certificate),
    ) as console:
        assert console.base == base
        yield console


def at_the_provider(page: Page, login: str) -> None:
    page.fill("input[name=login]", login)
    page.fill("input[name=password]", "any password will do")
    page.click("button[type=submit]")
    page.click("input[name=prompt][value=consent] ~ button[type=submit]")


@BOTH
def test_somebody_whom_the_provider_and_the_console_know_comes_in(served: Served, home: Home) -> None:
    with signed_in(served) as page:
        served.open(page, "/settings")
        page.fill("#user-name", ALICE)
        page.select_option("#user-role", "viewer")
        page.click("button >> text=/^Add$/")
        expect(page.locator("main")).to_contain_text("signs in at localhost")
    with browser.browsing() as page:
        served.open(page, "/vault")
        page.click("text=Sign in at localhost")
        at_the_provider(page, ALICE)
        page.wait_for_url(f"{served.base}/vault")
        assert ALICE in page.inner_text("header")
        assert "Settings" not in page.inner_text("nav")
        cookies = {str(one["name"]): one for one in page.context.cookies(served.base)}
        (session,) = (cookie for name, cookie in cookies.items() if "session" in name)
        assert (session["sameSite"], session["httpOnly"]) == ("Strict", True)
        assert session["name"].startswith("__Host-") == session["secure"] == served.base.startswith("https")
        assert not any("openid" in name for name in cookies), "what a sign-in needs is used up"
        served.open(page, "/settings")
        assert "takes the role administrator" in page.inner_text("main")
    lines = [(line.who, line.what) for line in Audit(PeopleDatabase(home.folder)).list()]
    assert (ALICE, "signed in") in lines


def test_somebody_whom_the_provider_alone_knows_does_not(served: Served, home: Home) -> None:
    Users(PeopleDatabase(home.folder)).add(
        BOB, PASSWORD, Role.ADMINISTRATOR
    )  # who has a password is another one
    with browser.browsing() as page:
        for login in (ALICE, BOB):
            page.context.clear_cookies()
            served.open(page, "/sign-in")
            page.click("text=Sign in at localhost")
            at_the_provider(page, login)
            expect(page.locator(".notice.bad")).to_contain_text(f"{login} is no user of this console")
        address = page.url
        page.goto(address)
        expect(page.locator(".notice.bad")).to_contain_text("was used already")
        served.open(page)
        page.wait_for_url("**/sign-in")


def test_who_agrees_to_nothing_is_told_so(served: Served) -> None:
    with browser.browsing() as page:
        served.open(page, "/sign-in")
        page.click("text=Sign in at localhost")
        page.click("text=Cancel")
        expect(page.locator(".notice.bad")).to_contain_text("did not sign you in")


def add_asset(
    home: Home, dovecot: Dovecot, provider: OpenIdProvider, certificates: Certificates, **fields: str
) -> None:
    home.assets.add(
        "mail",
        asset(
            dovecot.port,
            "starttls",
            certificates,
            username=ALICE,
            sender_address=ALICE,
            token_url=provider.token_url,
            scopes="openid offline_access smtp",
            **fields,
        ),
    )


@BOTH
def test_an_asset_is_signed_in_and_the_browser_comes_back_to_the_console(
    served: Served,
    home: Home,
    own_provider: OpenIdProvider,
    submission: Submission,
    certificates: Certificates,
) -> None:
    """Over plain http the run listens for itself, under the address that the command line has, too."""
    is_https = served.base.startswith("https")
    client = (
        {"client_id": CONSOLE_CLIENT, "client_secret": CLIENT_SECRET}
        if is_https
        else {"client_id": PUBLIC_CLIENT}
    )
    with submission(own_provider.introspection) as dovecot, signed_in(served) as page:
        add_asset(home, dovecot, own_provider, certificates, auth_url=own_provider.auth_url, **client)
        served.open(page, "/assets")
        page.click("text=Test")
        with page.expect_popup() as opened:
            page.click("text=Open the sign-in page")
        if is_https:
            link = page.get_attribute("text=Open the sign-in page", "href")
            assert link == f"{served.base}/runs/1/sign-in"
        at_the_provider(opened.value, ALICE)
        if is_https:
            opened.value.wait_for_url(f"{served.base}/runs/1")
        page.wait_for_selector("#result", timeout=RESULT_WITHIN)
        assert "Test connectivity passed." in page.inner_text("#result")
    assert [grant.error for grant in own_provider.grants] == [None]


def test_a_code_is_shown_and_entered_on_another_device(
    home: Home, provider: OpenIdProvider, dovecot: Dovecot, certificates: Certificates
) -> None:
    with serving(home) as served, signed_in(served) as page:
        add_asset(
            home, dovecot, provider, certificates,
            client_id=DEVICE_CLIENT, device_url=provider.device_url, device_code="true",
        )  # fmt: skip
        served.open(page, "/assets")
        page.click("text=Test")
        expect(page.locator("#events")).to_contain_text("and enter the code")
        link = page.get_attribute("text=Open the sign-in page", "href")
        assert link is not None
        agree_to_code(link, str(certificates.certificate), ALICE)
        page.wait_for_selector("#result", timeout=RESULT_WITHIN)
        assert "Test connectivity passed." in page.inner_text("#result")


def test_only_the_browser_that_was_sent_can_bring_the_answer(
    served: Served,
    home: Home,
    own_provider: OpenIdProvider,
    submission: Submission,
    certificates: Certificates,
) -> None:
    client = {"client_id": CONSOLE_CLIENT, "client_secret": CLIENT_SECRET}
    with submission(own_provider.introspection) as dovecot, signed_in(served) as page:
        add_asset(home, dovecot, own_provider, certificates, auth_url=own_provider.auth_url, **client)
        served.open(page, "/assets")
        page.click("text=Test")
        page.wait_for_selector("text=Open the sign-in page")
        answer = page.request.get(f"{served.base}/runs/1/sign-in", max_redirects=0)
        assert page.context.browser is not None
        other = page.context.browser.new_context(ignore_https_errors=True).new_page()
        other.goto(answer.headers["location"])
        at_the_provider(other, BOB)
        expect(other.locator("main")).to_contain_text("not begun in this browser")
        assert "Under way" in page.inner_text("main"), "the run waits for whom it has asked"
        page.click("text=Stop")
        page.wait_for_selector("#result", timeout=RESULT_WITHIN)
        assert "cancelled" in page.inner_text("#result")
