"""A sign-in at the provider without a browser: its pages' forms filled in, for tests that only need the tokens."""

from __future__ import annotations

import re
from base64 import urlsafe_b64encode
from hashlib import sha256
from types import MappingProxyType
from urllib.parse import parse_qs, urlsplit

import requests

from tests.real.openid import CLIENT_SECRET, CONFIDENTIAL_CLIENT, OpenIdProvider

_VERIFIER = "0123456789-verifier-of-the-tests-0123456789"
_REDIRECT = "http://localhost:10001/"
WITH_CODE = MappingProxyType({"code_verifier": _VERIFIER, "redirect_uri": _REDIRECT})
_HIDDEN = re.compile(r'<input[^>]* name="([^"]+)" value="([^"]*)"')
_FORM = re.compile(r'<form[^>]* action="([^"]+)"')


def authorization_code(provider: OpenIdProvider, authority: str, client: str, login: str) -> str:
    """The code that `client` is sent when `login` signs in and agrees; `WITH_CODE` goes with it to the token endpoint.

    `authority` is a PEM file.
    """
    with requests.Session() as browser:
        browser.verify = authority
        browser.trust_env = False
        page = browser.get(provider.auth_url, params=_request(client), timeout=10)
        for form in ({"prompt": "login", "login": login, "password": "any"}, {"prompt": "consent"}):
            page = _submit(browser, page, form)
        return parse_qs(urlsplit(page.headers["Location"]).query)["code"][0]


def refresh_token(provider: OpenIdProvider, authority: str, client: str, login: str) -> str:
    """The refresh token that `client` gets for such a code."""
    code = authorization_code(provider, authority, client, login)
    answer = requests.post(
        provider.token_url,
        data={"grant_type": "authorization_code", "code": code, "client_id": client, **WITH_CODE},
        auth=(client, CLIENT_SECRET) if client == CONFIDENTIAL_CLIENT else None,
        verify=authority,
        timeout=10,
    )
    answer.raise_for_status()
    token: str = answer.json()["refresh_token"]
    return token


def agree_to_code(link: str, authority: str, login: str) -> None:
    """Sign in as `login` on another device: open the link that holds the code, and agree."""
    with requests.Session() as browser:
        browser.verify = authority
        browser.trust_env = False
        page = browser.get(link, timeout=10)
        for form in (
            {},
            {"confirm": "yes"},
            {"prompt": "login", "login": login, "password": "any"},
            {"prompt": "consent"},
        ):
            hidden = dict(_HIDDEN.findall(page.text))
            page = _submit(browser, page, hidden | form)
        assert "Sign-in Success" in page.text, page.text


def _request(client: str) -> dict[str, str]:
    return {
        "client_id": client,
        "response_type": "code",
        "redirect_uri": _REDIRECT,
        "scope": "openid profile offline_access smtp",
        "prompt": "consent",
        "code_challenge": urlsafe_b64encode(sha256(_VERIFIER.encode()).digest()).decode().rstrip("="),
        "code_challenge_method": "S256",
    }


def _submit(browser: requests.Session, page: requests.Response, form: dict[str, str]) -> requests.Response:
    """Send the form of `page`, and follow the provider's redirects as far as they lead to itself."""
    found = _FORM.search(page.text)
    assert found is not None, page.text
    answer = browser.post(found[1], data=form, allow_redirects=False, timeout=10)
    while answer.is_redirect and not answer.headers["Location"].startswith(_REDIRECT):
        assert answer.next is not None
        answer = browser.send(answer.next, allow_redirects=False, timeout=10)
    return answer
