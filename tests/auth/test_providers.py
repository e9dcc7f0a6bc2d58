from __future__ import annotations

import re
from datetime import date

import pytest

from auth.oauth.endpoints import require_https
from auth.providers.profiles import Profile, by_domain, by_mx, find, profiles
from host.manifest.model import load
from host.manifest.validation import parse_asset

MANIFEST = load()
ALL = profiles()


def named(profile: Profile | None) -> str:
    return profile.id if profile else ""


def test_many_providers_are_known_and_each_by_one_name() -> None:
    assert len(ALL) >= 40
    assert len({profile.id for profile in ALL}) == len(ALL)
    assert len({profile.name for profile in ALL}) == len(ALL)


def test_no_domain_and_no_mx_belongs_to_two() -> None:
    domains = [domain for profile in ALL for domain in profile.domains]
    ends = [end for profile in ALL for end in profile.mx]
    assert len(set(domains)) == len(domains)
    assert len(set(ends)) == len(ends)


@pytest.mark.parametrize("profile", ALL, ids=lambda profile: profile.id)
def test_a_profile_fills_in_an_asset_that_is_valid(profile: Profile) -> None:
    fields = profile.asset_fields("me@example.com")
    known = {name: value for name, value in fields.items() if name in MANIFEST.configuration}
    asset = parse_asset(known, "", MANIFEST)
    assert (asset.server, asset.port, asset.ssl_config) == (profile.server, profile.port, profile.ssl_config)
    assert asset.ssl_config in ("SSL", "StartTLS"), "no provider is spoken to in clear"
    assert profile.port in {"SSL": (465,), "StartTLS": (587, 2525)}[profile.ssl_config]
    assert "me@example.com" in (asset.username, asset.sender_address)
    assert set(profile.logins) <= {"OAuth", "Basic"}
    assert profile.logins


@pytest.mark.parametrize("profile", ALL, ids=lambda profile: profile.id)
def test_a_profile_says_where_it_is_published_and_when_that_was_read(profile: Profile) -> None:
    assert profile.sources
    for source in profile.sources:
        assert source.url.startswith("https://")
        assert date(2020, 1, 1) < date.fromisoformat(source.seen)


@pytest.mark.parametrize("profile", [profile for profile in ALL if profile.token_url], ids=lambda p: p.id)
def test_endpoints_are_complete_and_https(profile: Profile) -> None:
    assert profile.scopes
    assert "OAuth" in profile.logins or profile.id in ("mail-ru", "yandex")
    for url in (profile.auth_url, profile.token_url):
        require_https(url, "a URL")


@pytest.mark.parametrize("profile", ALL, ids=lambda profile: profile.id)
def test_names_of_hosts_are_names_of_hosts(profile: Profile) -> None:
    host = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)+")
    assert all(host.fullmatch(name) for name in (profile.server, *profile.domains, *profile.mx))


@pytest.mark.parametrize(
    ("address", "provider"),
    [
        ("me@gmail.com", "gmail"),
        ("me@GMail.COM", "gmail"),
        ("me@googlemail.com.", "gmail"),
        ("me@hotmail.com", "outlook-com"),
        ("me@outlook.de", "outlook-com"),
        ("me@contoso.onmicrosoft.com", "microsoft-365"),
        ("me@yahoo.co.uk", "yahoo"),
        ("me@gmx.de", "gmx"),
        ("gmail.com", "gmail"),
        ("me@example.com", ""),
        ("me@notgmail.com", ""),
        ("me@gmail.com.example.org", ""),
        ("", ""),
        ("@", ""),
    ],
)
def test_a_provider_is_found_by_the_domain_of_an_address(address: str, provider: str) -> None:
    assert named(find(address)) == provider


@pytest.mark.parametrize(
    ("names", "provider"),
    [
        (["contoso-com.mail.protection.outlook.com"], "microsoft-365"),
        (["contoso-com.a-v1.mx.microsoft."], "microsoft-365"),
        (["hotmail-com.olc.protection.outlook.com"], "outlook-com"),
        (["ASPMX.L.GOOGLE.COM", "alt1.aspmx.l.google.com"], "gmail"),
        (["smtp.google.com"], "gmail"),
        (["in1-smtp.messagingengine.com"], "fastmail"),
        (["mx.zoho.eu"], "zoho-eu"),
        (["smtp.secureserver.net"], "godaddy"),
        (["mx.example.net", "mx1.mail.ovh.net"], "ovh"),
        (["mx.example.net"], ""),
        (["mail.protection.outlook.com.example.org"], ""),
        ([], ""),
        ([""], ""),
    ],
)
def test_a_provider_is_found_by_the_names_of_mail_exchangers(names: list[str], provider: str) -> None:
    assert named(by_mx(names)) == provider
    assert named(find("me@example.com", names)) == provider


def test_the_domain_of_an_address_comes_before_its_mail_exchanger() -> None:
    assert named(find("me@gmx.de", ["aspmx.l.google.com"])) == "gmx"


def test_microsoft_s_limits_are_written_into_the_asset() -> None:
    profile = by_domain("onmicrosoft.com")
    assert profile is not None
    fields = profile.asset_fields("soc@contoso.onmicrosoft.com")
    assert (fields["max_connections"], fields["messages_per_minute"], fields["recipients_per_day"]) == (
        3,
        30,
        10_000,
    )
    assert fields["username"] == "soc@contoso.onmicrosoft.com"


def test_a_provider_with_a_user_name_of_its_own_keeps_the_address_as_the_sender() -> None:
    (sendgrid,) = (profile for profile in ALL if profile.id == "sendgrid")
    fields = sendgrid.asset_fields("me@example.com")
    assert (fields["username"], fields["sender_address"]) == ("apikey", "me@example.com")
