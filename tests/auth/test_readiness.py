from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from auth.readiness import MICROSOFT_PASSWORDS_END, Secret, readiness, secrets_of
from tests.auth.helpers import login
from tests.auth.keys import PASSWORD, own

TODAY = date(2026, 11, 26)
URLS = {
    "client_id": "app",
    "token_url": "https://id.example/token",
    "auth_url": "https://id.example/authorize",
}


def test_a_password_at_microsoft_is_warned_about_with_the_day_and_who_says_so() -> None:
    settings = login(server="smtp.office365.com", password="x")
    (notice,) = readiness(settings, "Basic", TODAY)
    assert notice.text == (
        "At the end of December 2026 Microsoft 365 switches logins with a password off by default. "
        "Log in with a certificate instead: docs/microsoft-2026.md (smtp-connector explain microsoft-2026)."
    )
    assert notice.as_dict(TODAY) == {
        "subject": "password logins",
        "text": notice.text,
        "date": "2026-12-31",
        "days_left": 35,
        "source": notice.source,
    }
    assert notice.source.startswith("https://techcommunity.microsoft.com/")


def test_after_the_day_it_is_told_as_what_happened() -> None:
    after = MICROSOFT_PASSWORDS_END + timedelta(days=1)
    (notice,) = readiness(login(server="smtp.office365.com", password="x"), "Basic", after)
    assert "has switched" in notice.text
    assert notice.days_left(after) == -1


@pytest.mark.parametrize("server", ["SMTP.Office365.com.", "smtp.office365.us", "smtp.partner.outlook.cn"])
def test_every_cloud_of_microsoft_is_known_however_it_is_spelled(server: str) -> None:
    assert len(readiness(login(server=server, password="x"), "Basic", TODAY)) == 1


@pytest.mark.parametrize(
    ("server", "method"),
    [("smtp.office365.com", "OAuth"), ("smtp.office365.com", "Passwordless"), ("smtp.gmail.com", "Basic"),
     ("smtp.office365.com.example.org", "Basic")],
)  # fmt: skip
def test_who_has_no_reason_to_worry_is_not_worried(server: str, method: str) -> None:
    assert readiness(login(server=server, password="x"), method, TODAY) == ()


@pytest.mark.parametrize(
    ("days", "said"),
    [
        (31, None),
        (30, "client_cert expires in 30 days: replace it in time."),
        (1, "client_cert expires in 1 day: replace it in time."),
        (0, "client_cert expires today: replace it in time."),
        (-1, "client_cert expired 1 day ago: replace it."),
        (-3, "client_cert expired 3 days ago: replace it."),
    ],
)
def test_what_ends_soon_is_warned_about(days: int, said: str | None) -> None:
    secret = Secret("client_cert", TODAY + timedelta(days=days))
    notices = readiness(login(), "Passwordless", TODAY, [secret])
    assert [notice.text for notice in notices] == ([said] if said else [])
    assert secret.as_dict(TODAY)["days_left"] == days


def test_the_earliest_comes_first() -> None:
    secrets = [Secret("b", TODAY + timedelta(days=20)), Secret("a", TODAY + timedelta(days=3))]
    notices = readiness(login(server="smtp.office365.com", password="x"), "Basic", TODAY, secrets)
    assert [notice.subject for notice in notices] == ["a", "b", "password logins"]


def test_a_token_that_can_not_be_renewed_is_warned_about() -> None:
    ends = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
    (notice,) = readiness(login(**URLS), "OAuth", TODAY, can_renew=False, token_ends=ends)
    assert "sign in again" in notice.text
    assert notice.day == TODAY
    assert readiness(login(**URLS), "OAuth", TODAY) == ()
    application = login(client_id="app", token_url=URLS["token_url"], client_secret="x")
    assert readiness(application, "OAuth", TODAY, can_renew=False) == (), "an application asks for another"


def test_the_end_of_an_application_s_certificate_is_read_from_it() -> None:
    settings = login(oauth_certificate=own(days=12).locked_pem, oauth_certificate_password=PASSWORD)
    (secret,) = secrets_of(settings)
    assert secret.field == "oauth_certificate"
    assert 11 <= (secret.expires - datetime.now(UTC).date()).days <= 12
    assert secrets_of(login()) == ()
    assert secrets_of(login(oauth_certificate="/no/such/file")) == (), "the login itself says what is wrong"
