"""The asset's fields, as SOAR gives them, become one frozen value."""

from __future__ import annotations

import pytest

from auth.settings import Login
from delivery.asset import Asset
from host.manifest.model import load
from host.manifest.validation import InvalidInput, parse_asset, unknown_fields

MANIFEST = load()
SECRETS = sorted(name for name, field in MANIFEST.configuration.items() if field.is_secret)


def test_an_asset_needs_no_more_than_a_server() -> None:
    assert parse_asset({"server": "h"}, "7", MANIFEST) == Asset(
        Login(id="7", server="h", port=587), ssl_config="StartTLS"
    )


@pytest.mark.parametrize(
    ("ssl_config", "port"), [("None", 25), ("SSL", 465), ("StartTLS", 587), (None, 587), ("", 587)]
)
def test_the_port_follows_from_the_encryption(ssl_config: str | None, port: int) -> None:
    assert parse_asset({"server": "h", "ssl_config": ssl_config}, "", MANIFEST).port == port


def test_every_declared_field_is_one_of_the_asset_and_the_defaults_are_the_same() -> None:
    fields = {*Asset._fields, *Login._fields}
    defaults = {**Asset._field_defaults, **Login._field_defaults}
    assert fields == set(MANIFEST.configuration) | {"login", "id", "has_client_certificate"}
    declared = {
        name: field.default for name, field in MANIFEST.configuration.items() if field.default is not None
    }
    declared.pop("ssl_config")  # required, so that the value always comes from the manifest
    assert {name: defaults[name] for name in declared} == declared


def test_spaces_around_a_value_mean_nothing_but_in_a_secret() -> None:
    asset = parse_asset({"server": " h ", "username": "u\n", "password": " p ", "scopes": "  "}, "", MANIFEST)
    assert (asset.server, asset.username, asset.login.password, asset.login.scopes) == ("h", "u", " p ", "")


def test_an_address_literal_loses_its_brackets() -> None:
    assert parse_asset({"server": "[::1]"}, "", MANIFEST).server == "::1"


def test_secrets_are_not_in_the_repr() -> None:
    config = {"server": "h"} | dict.fromkeys(SECRETS, "canary")
    assert "canary" not in repr(parse_asset(config, "", MANIFEST))


def test_fields_of_the_platform_and_unknown_ones_do_not_matter() -> None:
    config = {
        "server": "h",
        "app_version": 1,
        "ingest": {},
        "_reserved_x": 1,
        "directory": "d",
        "pasword": "canary",
    }
    assert parse_asset(config, "", MANIFEST).server == "h"
    (warning,) = unknown_fields(config, MANIFEST)
    assert warning.startswith("Ignored in the asset: 'pasword': no such asset field; did you mean password?")
    assert "canary" not in warning


@pytest.mark.parametrize("config", [None, [], "x"])
def test_a_configuration_that_is_no_object_is_a_fault(config: object) -> None:
    with pytest.raises(InvalidInput, match="not a JSON object"):
        parse_asset(config, "", MANIFEST)


def test_a_missing_server_is_named_with_every_other_fault() -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_asset({"port": "x", "username": "a\r\nb", "connection_timeout": 0}, "", MANIFEST)
    assert [fault.field for fault in caught.value.faults] == [
        "server",
        "port",
        "username",
        "connection_timeout",
    ]


@pytest.mark.parametrize(
    ("value", "identity"),
    [
        (True, "true"),
        ("true", "true"),
        ("True", "true"),
        (False, ""),
        ("false", ""),
        (None, ""),
        ("", ""),
        ("11111111-2222-3333-4444-55555555555A", "11111111-2222-3333-4444-55555555555a"),
    ],
)
def test_the_identity_of_a_machine_is_a_yes_a_no_or_a_client_id(value: object, identity: str) -> None:
    asset = parse_asset({"server": "h", "managed_identity": value}, "", MANIFEST)
    assert asset.login.managed_identity == identity


@pytest.mark.parametrize(
    ("field", "value", "allowed"),
    [
        ("device_code", "perhaps", "true or false"),
        ("device_url", "https://id.example/\ndevice", "one line of text without control characters"),
        ("managed_identity", "no id!", "true, false, or the client id of an identity"),
        ("managed_identity", 5, "true, false, or the client id of an identity"),
        ("federated_token_file", "/run/\x00", "one line of text without control characters"),
        ("login_as", "recipient", "username or sender"),
        ("sasl_mechanism", "NTLM", "PLAIN, LOGIN, CRAM-MD5, "),
    ],
)
def test_a_login_field_with_a_wrong_value_says_what_is_allowed(
    field: str, value: object, allowed: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_asset({"server": "h", field: value}, "", MANIFEST)
    assert str(caught.value).startswith(f"{field}: ")
    assert allowed in str(caught.value)


@pytest.mark.parametrize("field", ["oauth_certificate", "oauth_certificate_password", "service_account_json"])
def test_a_secret_of_a_login_with_a_wrong_value_is_not_shown(field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_asset({"server": "h", field: ["c4nary"]}, "", MANIFEST)
    assert str(caught.value) == f"{field}: the value (not shown) is not allowed; give text"
