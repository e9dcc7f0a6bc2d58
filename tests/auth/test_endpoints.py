from __future__ import annotations

from typing import Any

import pytest

from auth.errors import AuthError, Step
from auth.oauth.endpoints import default_scopes, is_google, is_microsoft, require_https
from auth.oauth.microsoft import authority_of
from smtp.errors import Category
from tests.auth.helpers import login


@pytest.mark.parametrize(
    "host",
    [
        "login.microsoftonline.com",
        "login.microsoftonline.us",
        "login.partner.microsoftonline.cn",
        "login.chinacloudapi.cn",
        "login.microsoftonline.de",
        "login.windows.net",
    ],
)
def test_every_cloud_of_microsoft_is_known(host: str) -> None:
    assert is_microsoft(f"https://{host}/contoso.com/oauth2/v2.0/token")
    assert is_microsoft(f"https://{host.upper()}/contoso.com/oauth2/v2.0/token")


@pytest.mark.parametrize(
    "url",
    [
        "https://login.microsoftonline.com.example.org/t/oauth2/v2.0/token",
        "https://example.org/login.microsoftonline.com/oauth2/v2.0/token",
        "https://login.microsoftonline.com@example.org/t/oauth2/v2.0/token",
        "https://[bad",
        "",
    ],
)
def test_a_host_that_only_looks_like_microsoft_is_not(url: str) -> None:
    assert not is_microsoft(url)


@pytest.mark.parametrize(
    ("url", "authority"),
    [
        (
            "https://login.microsoftonline.com/contoso.com/oauth2/v2.0/token",
            "https://login.microsoftonline.com/contoso.com",
        ),
        ("https://login.microsoftonline.us/common/oauth2/token", "https://login.microsoftonline.us/common"),
        ("https://login.microsoftonline.com", "https://login.microsoftonline.com/common"),
        ("https://login.windows.net:8443/t/oauth2/token", "https://login.windows.net:8443/t"),
    ],
)
def test_the_authority_is_the_host_and_the_tenant_of_token_url(url: str, authority: str) -> None:
    assert authority_of(url) == authority


def test_google_is_known_by_its_hosts() -> None:
    assert is_google("https://accounts.google.com/o/oauth2/v2/auth")
    assert is_google("https://oauth2.googleapis.com/token")
    assert not is_google("https://google.com.example.org/token")


@pytest.mark.parametrize(
    ("fields", "scopes"),
    [
        (
            {"token_url": "https://login.microsoftonline.com/t/oauth2/v2.0/token", "client_secret": "x"},
            "https://outlook.office365.com/.default",
        ),
        (
            {"token_url": "https://login.microsoftonline.com/t/oauth2/v2.0/token", "refresh_token": "x"},
            "https://outlook.office.com/SMTP.Send offline_access",
        ),
        (
            {"token_url": "https://login.microsoftonline.us/t/oauth2/v2.0/token", "auth_url": "x"},
            "https://outlook.office365.us/SMTP.Send offline_access",
        ),
        (
            {
                "token_url": "https://login.partner.microsoftonline.cn/t/oauth2/v2.0/token",
                "client_secret": "x",
            },
            "https://partner.outlook.cn/.default",
        ),
        ({"token_url": "https://oauth2.googleapis.com/token", "auth_url": "x"}, "https://mail.google.com/"),
        ({"token_url": "https://id.example/token"}, ""),
    ],
)
def test_the_scopes_of_the_large_providers_need_not_be_known_by_heart(
    fields: dict[str, Any], scopes: str
) -> None:
    assert default_scopes(login(**fields)) == scopes


@pytest.mark.parametrize(
    "url",
    ["https://id.example/token", "https://id.example:8443/t", "http://localhost:8080/t", "http://[::1]:1/t"],
)
def test_https_is_good_and_http_is_to_this_machine_only(url: str) -> None:
    require_https(url, "token_url")


@pytest.mark.parametrize(
    "url",
    [
        "http://id.example/token",
        "http://localhost.id.example/token",
        "ftp://id.example/token",
        "id.example/token",
        "https://",
        "https:///token",
        "https://id.example:port/",
        "https://[::1/token",
        "https://id.example/token#x",
        "https://c4nary:c4nary@id.example/token",
        "https://id.example/to\r\nken",
        "file:///etc/passwd",
    ],
)
def test_any_other_url_is_refused_by_the_name_of_its_field(url: str) -> None:
    with pytest.raises(AuthError) as caught:
        require_https(url, "token_url")
    error = caught.value
    assert str(error).startswith("token_url ")
    assert (error.step, error.category) == (Step.SETTINGS, Category.CONFIGURATION)
    assert "c4nary" not in str(error)
