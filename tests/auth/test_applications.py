"""Logins that ask nobody: a certificate, a workload's token, a machine's identity, a service account."""

from __future__ import annotations

import base64
import hashlib
import json
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from auth.errors import AuthError, Step
from auth.oauth.method import OAuth
from auth.oauth.store import MAX_SENDERS
from auth.settings import Login
from smtp.errors import Category
from tests.auth.helpers import ANN, CANARY, KeptState, login, token_of
from tests.auth.keys import PASSWORD, account, own
from tests.support.pem_shapes import SHAPES, shaped
from tests.support.token_endpoint import Sender, TokenEndpoint

WORKLOAD = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJjNG5hcnkifQ.c4nary-signature"
BOB = "bob@example.com"


@pytest.fixture
def provider() -> Iterator[TokenEndpoint]:
    with TokenEndpoint() as endpoint:
        yield endpoint


@pytest.fixture
def state() -> KeptState:
    return KeptState()


def refused(settings: Login, state: KeptState) -> AuthError:
    """The error of a login that does not come about; it shows no secret."""
    texts: list[str] = []
    with pytest.raises(AuthError) as caught:
        OAuth(settings, state).get_credentials(texts.append)
    error = caught.value
    shown = f"{error} {error.hint} {error.__cause__!r} {texts} {settings!r}"
    assert "c4nary" not in shown
    assert "PRIVATE KEY" not in shown
    assert "eyJ" not in shown, "an assertion is a secret while it holds"
    return error


# -- a certificate ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "algorithm"), [("RSA", "RS256"), ("P-256", "ES256"), ("P-384", "ES384")])
def test_an_application_proves_who_it_is_with_its_certificate(
    kind: str, algorithm: str, provider: TokenEndpoint, state: KeptState
) -> None:
    provider.behaviour.application_key = own(kind).public
    settings = login(provider, oauth_certificate=own(kind).pem, scopes="mail")
    assert token_of(settings, state) == provider.access_tokens[-1]
    (request,) = provider.requests
    assert request.form["grant_type"] == "client_credentials"
    assert request.form["scope"] == "mail"
    assert "client_secret" not in request.form
    assert "authorization" not in request.headers
    assert (request.claims["aud"], request.claims["sub"]) == (provider.token_url, "app")
    assert request.jose["alg"] == algorithm
    thumbprint = hashlib.sha256(own(kind).certificate.public_bytes(Encoding.DER)).digest()
    assert request.jose["x5t#S256"] == base64.urlsafe_b64encode(thumbprint).rstrip(b"=").decode()


@pytest.mark.parametrize("shape", SHAPES)
def test_a_certificate_as_pem_in_every_shape(
    shape: str, provider: TokenEndpoint, state: KeptState, tmp_path: Path
) -> None:
    provider.behaviour.application_key = own().public
    file = tmp_path / "app.pem"
    octets = b"".join(shaped(pem, shape) for pem in _blocks(own().locked_pem))
    file.write_bytes(octets)
    for value in (octets.decode("utf-8", "replace"), str(file)):
        settings = login(provider, oauth_certificate=value, oauth_certificate_password=PASSWORD)
        assert token_of(settings, KeptState()) == provider.access_tokens[-1]


def test_the_certificate_of_the_key_is_found_wherever_it_stands_in_a_chain(
    provider: TokenEndpoint, state: KeptState
) -> None:
    provider.behaviour.application_key = own().public
    other = own("P-256").pem.replace(own("P-256").key_pem, "")
    assert token_of(login(provider, oauth_certificate=other + own().pem), state) == provider.access_tokens[-1]
    thumbprint = hashlib.sha256(own().certificate.public_bytes(Encoding.DER)).digest()
    shown = provider.requests[-1].jose["x5t#S256"]
    assert shown == base64.urlsafe_b64encode(thumbprint).rstrip(b"=").decode()


def test_a_certificate_as_pkcs12(provider: TokenEndpoint, tmp_path: Path) -> None:
    provider.behaviour.application_key = own().public
    file = tmp_path / "app.pfx"
    file.write_bytes(own().pkcs12)
    for value in (own().pkcs12_text, str(file)):
        settings = login(provider, oauth_certificate=value, oauth_certificate_password=PASSWORD)
        assert token_of(settings, KeptState()) == provider.access_tokens[-1]


def test_every_request_has_an_assertion_of_its_own(provider: TokenEndpoint, state: KeptState) -> None:
    provider.behaviour.application_key = own().public
    settings = login(provider, oauth_certificate=own().pem)
    for _ in range(2):
        token_of(settings, state)
        state.change(refresh_at=0)
    first, second = (request.claims["jti"] for request in provider.requests)
    assert first != second


def test_a_token_is_kept_and_shared_as_any_other(provider: TokenEndpoint, state: KeptState) -> None:
    provider.behaviour.application_key = own().public
    settings = login(provider, oauth_certificate=own().pem)
    assert token_of(settings, state) == token_of(settings, state)
    assert len(provider.requests) == 1


def test_a_refresh_token_is_used_with_the_certificate_too(provider: TokenEndpoint, state: KeptState) -> None:
    provider.behaviour.application_key = own().public
    given = provider.give_refresh_token()
    settings = login(provider, oauth_certificate=own().pem, refresh_token=given)
    for _ in range(2):
        assert token_of(settings, state) == provider.access_tokens[-1]
        state.change(refresh_at=0)
    sent = [request.form["refresh_token"] for request in provider.grants("refresh_token")]
    assert sent[0] == given != sent[1]
    assert all(request.claims["sub"] == "app" for request in provider.requests)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"oauth_certificate": "/no/such/file.pem"}, "no such file or directory"),
        ({"oauth_certificate": "/dev/null"}, "the file is empty"),
        ({"oauth_certificate": own().key_pem}, "it holds no certificate in PEM"),
        ({"oauth_certificate": own().pem.replace(own().key_pem, "")}, "it holds no private key in PEM"),
        ({"oauth_certificate": own().locked_pem}, "its password does not open it"),
        (
            {"oauth_certificate": own().locked_pem, "oauth_certificate_password": "c4nary-wrong"},
            "its password does not open it",
        ),
        ({"oauth_certificate": own().pkcs12_text}, "neither PEM nor a PKCS#12 file that its password opens"),
        ({"oauth_certificate": own("Ed25519").pem}, "its key is neither RSA nor EC"),
        (
            {"oauth_certificate": own("P-256").pem.replace(own("P-256").key_pem, own().key_pem)},
            "the private key belongs to another certificate",
        ),
        ({"oauth_certificate": own("secp256k1").pem}, "its key is on the curve secp256k1"),
        ({"oauth_certificate": "MIIB c4nary"}, "no such file"),
        ({"oauth_certificate": own().pem.replace("PRIVATE KEY-----\nMII", "PRIVATE KEY-----\nAAA")}, "damaged"),
    ],
)  # fmt: skip
def test_a_certificate_that_can_not_be_used_is_named_before_anything_is_asked(
    fields: dict[str, str], reason: str, provider: TokenEndpoint, state: KeptState
) -> None:
    error = refused(login(provider, **fields), state)
    assert str(error).startswith("The asset's oauth_certificate can't be used: ")
    assert reason in str(error)
    assert (error.step, error.category) == (Step.SETTINGS, Category.CONFIGURATION)
    assert provider.requests == []


def test_a_certificate_that_the_provider_does_not_know_is_its_refusal(
    provider: TokenEndpoint, state: KeptState
) -> None:
    provider.behaviour.application_key = own("P-256").public
    error = refused(login(provider, oauth_certificate=own().pem), state)
    assert (error.step, error.category, error.oauth_error) == (
        Step.TOKEN,
        Category.CONFIGURATION,
        "invalid_client",
    )
    assert "oauth_certificate" in error.hint
    assert len(provider.requests) == 1, "it is tried in one way only"


# -- a workload's token ----------------------------------------------------------------------------------------


def test_a_workload_shows_the_token_that_its_platform_gave_it(
    provider: TokenEndpoint, state: KeptState, tmp_path: Path
) -> None:
    provider.behaviour.workload_token = WORKLOAD
    file = tmp_path / "token"
    file.write_text(f"{WORKLOAD}\n")
    settings = login(provider, federated_token_file=str(file))
    assert token_of(settings, state) == provider.access_tokens[-1]
    (request,) = provider.requests
    assert request.form["client_id"] == "app"
    assert "client_secret" not in request.form


def test_a_token_in_a_file_is_read_anew_each_time(
    provider: TokenEndpoint, state: KeptState, tmp_path: Path
) -> None:
    file = tmp_path / "token"
    settings = login(provider, federated_token_file=str(file))
    for token in (WORKLOAD, WORKLOAD + "2"):
        file.write_text(token)
        provider.behaviour.workload_token = token
        assert token_of(settings, state) == provider.access_tokens[-1]
        state.change(refresh_at=0, expires_at=0)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "no such file or directory"),
        ("", "the file is empty"),
        ("c4nary", "it does not hold a token"),
        ("c4nary a.b.c", "it does not hold a token"),
        ("c4nary\na.b.c", "it does not hold a token"),
        ("ä.b.c", "it does not hold a token"),
        ("a.b." + "c" * 70_000, "it does not hold a token"),
    ],
)
def test_a_file_without_a_token_is_named(
    content: str | None, reason: str, provider: TokenEndpoint, state: KeptState, tmp_path: Path
) -> None:
    file = tmp_path / "token"
    if content is not None:
        file.write_text(content)
    error = refused(login(provider, federated_token_file=str(file)), state)
    assert str(error) == f"The asset's federated_token_file can't be used: {reason}."
    assert (error.step, error.category) == (Step.SETTINGS, Category.CONFIGURATION)
    assert provider.requests == []


@pytest.mark.parametrize("repeated", [WORKLOAD, WORKLOAD.split(".")[0], f"[{WORKLOAD}]", WORKLOAD.upper()])
def test_a_provider_that_repeats_the_token_shows_it_to_nobody(
    repeated: str, provider: TokenEndpoint, state: KeptState, tmp_path: Path
) -> None:
    file = tmp_path / "token"
    file.write_text(WORKLOAD)
    provider.behaviour.workload_token = WORKLOAD
    provider.behaviour.error = {
        "error": "invalid_client",
        "error_description": f"Bad assertion {repeated} it was",
    }
    refused(login(provider, federated_token_file=str(file)), state)


# -- a workload's token, exchanged (RFC 8693) --------------------------------------------------------------------


@pytest.mark.parametrize("secret_in", [("body",), ("header",)])
def test_beside_a_secret_the_workload_s_token_is_what_is_exchanged(
    secret_in: tuple[str, ...], provider: TokenEndpoint, state: KeptState, tmp_path: Path
) -> None:
    provider.behaviour.client_secret, provider.behaviour.secret_in = CANARY, secret_in
    provider.behaviour.exchanged_token = WORKLOAD
    file = tmp_path / "token"
    file.write_text(WORKLOAD)
    settings = login(provider, client_secret=CANARY, federated_token_file=str(file), scopes="mail")
    assert token_of(settings, state) == provider.access_tokens[-1]
    form = provider.requests[-1].form
    assert {name: form[name] for name in form if name not in ("client_id", "client_secret")} == {
        "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
        "subject_token": WORKLOAD,
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "requested_token_type": "urn:ietf:params:oauth:token-type:access_token",
        "scope": "mail",
    }
    assert token_of(settings, state) == provider.access_tokens[-1]
    assert len(provider.access_tokens) == 1, "it is kept"


def test_beside_a_certificate_too(provider: TokenEndpoint, state: KeptState, tmp_path: Path) -> None:
    provider.behaviour.application_key = own().public
    provider.behaviour.exchanged_token = WORKLOAD
    file = tmp_path / "token"
    file.write_text(WORKLOAD)
    settings = login(provider, oauth_certificate=own().pem, federated_token_file=str(file))
    assert token_of(settings, state) == provider.access_tokens[-1]
    (request,) = provider.requests
    assert (request.form["subject_token"], request.claims["sub"]) == (WORKLOAD, "app")


def test_a_token_that_is_not_exchanged_says_who_has_to_trust_whom(
    provider: TokenEndpoint, state: KeptState, tmp_path: Path
) -> None:
    provider.behaviour.exchanged_token = "another"
    provider.behaviour.error = {"error": "invalid_request", "error_description": f"no: {WORKLOAD}"}
    file = tmp_path / "token"
    file.write_text(WORKLOAD)
    error = refused(login(provider, client_secret=CANARY, federated_token_file=str(file)), state)
    assert error.oauth_error == "invalid_request"
    assert "federated_token_file" in error.hint


# -- a machine's identity --------------------------------------------------------------------------------------


@pytest.fixture
def machine(provider: TokenEndpoint, monkeypatch: pytest.MonkeyPatch) -> TokenEndpoint:
    """A metadata endpoint where MSAL looks for it instead of 169.254.169.254; proxies lead nowhere."""
    for name in (
        "IDENTITY_ENDPOINT",
        "IDENTITY_HEADER",
        "MSI_ENDPOINT",
        "IMDS_ENDPOINT",
        "NO_PROXY",
        "no_proxy",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", f"http://127.0.0.1:{provider.port}")
    return provider


def identity(**fields: Any) -> Login:
    token_url = "https://login.microsoftonline.com/contoso/oauth2/v2.0/token"
    return login(**({"client_id": "app", "token_url": token_url, "managed_identity": "true"} | fields))


def test_a_machine_asks_for_its_own_identity(machine: TokenEndpoint, state: KeptState) -> None:
    assert token_of(identity(), state) == machine.access_tokens[-1]
    (request,) = machine.requests
    assert request.form == {"api-version": "2018-02-01", "resource": "https://outlook.office365.com"}
    assert request.headers["metadata"] == "true"


def test_a_machine_may_have_another_identity_and_another_cloud(
    machine: TokenEndpoint, state: KeptState
) -> None:
    china = "https://login.partner.microsoftonline.cn/contoso/oauth2/v2.0/token"
    token_of(identity(managed_identity="11111111-2222-3333-4444-555555555555", token_url=china), state)
    (request,) = machine.requests
    assert request.form["client_id"] == "11111111-2222-3333-4444-555555555555"
    assert request.form["resource"] == "https://partner.outlook.cn"


def test_an_identity_s_token_is_kept_until_the_identity_changes(
    machine: TokenEndpoint, state: KeptState
) -> None:
    token_of(identity(), state)
    token_of(identity(), state)
    assert len(machine.requests) == 1
    token_of(identity(managed_identity="another"), state)
    assert len(machine.requests) == 2


def test_a_refused_token_of_a_machine_is_asked_for_anew(machine: TokenEndpoint, state: KeptState) -> None:
    method = OAuth(identity(), state)
    method.get_credentials(lambda _: None)
    assert method.renew(lambda _: None) is True
    assert len(machine.requests) == 2


def test_a_machine_without_an_identity_is_told_so(machine: TokenEndpoint, state: KeptState) -> None:
    machine.behaviour.metadata = {"error": "invalid_request", "error_description": "Identity not found"}
    error = refused(identity(), state)
    assert "Identity not found" in str(error)
    assert "SMTP.SendAsApp" in error.hint


def test_a_machine_that_is_not_in_azure_is_told_so(
    machine: TokenEndpoint, state: KeptState, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        nobody = taken.getsockname()[1]
    monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", f"http://127.0.0.1:{nobody}")
    error = refused(identity(connection_timeout=1.0), state)
    assert error.category is Category.NETWORK
    assert error.hint.startswith("managed_identity works on machines in Azure")


def test_a_metadata_endpoint_that_is_busy_is_asked_later(machine: TokenEndpoint, state: KeptState) -> None:
    machine.behaviour.answer = lambda sender: sender.say(503, {"error": "busy"})
    error = refused(identity(), state)
    assert (error.category, error.retryable) == (Category.TEMPORARY, True)


@pytest.mark.parametrize(
    "answer",
    [
        b"<html>",
        b"null",
        b"[]",
        {},
        {"access_token": None, "expires_in": None},
        {"access_token": 5},
        b"\xff\xfe",
    ],
)
@pytest.mark.parametrize("status", [200, 404, 410])
def test_a_metadata_endpoint_that_says_something_odd_is_named_as_that(
    status: int, answer: object, machine: TokenEndpoint, state: KeptState
) -> None:
    machine.behaviour.answer = lambda sender: sender.say(status, answer)
    error = refused(identity(), state)
    assert error.category is Category.PROTOCOL
    assert error.hint.startswith("managed_identity works on machines in Azure")


def test_only_the_machine_s_own_address_is_asked_without_tls(
    machine: TokenEndpoint, state: KeptState, monkeypatch: pytest.MonkeyPatch
) -> None:
    for host in ("http://169.254.169.253", "http://169.254.169.254.example.org", "http://10.0.0.1"):
        monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", host)
        error = refused(identity(connection_timeout=0.5, read_timeout=0.5), state)
        assert "has to begin with https://" in str(error)
    settings = login(client_id="app", token_url="http://169.254.169.254/token", client_secret="c4nary")
    assert "has to begin with https://" in str(refused(settings, state))


# -- a service account -----------------------------------------------------------------------------------------


def test_a_service_account_acts_for_the_mailbox(provider: TokenEndpoint, state: KeptState) -> None:
    provider.behaviour.account_key = own().public
    settings = login(service_account_json=account(provider.token_url))
    assert token_of(settings, state) == provider.access_tokens[-1]
    (request,) = provider.requests
    assert request.form["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
    assert request.claims["iss"] == "connector@mails.iam.gserviceaccount.com"
    assert (request.claims["sub"], request.claims["scope"]) == (ANN, "https://mail.google.com/")
    assert request.claims["aud"] == provider.token_url
    assert (request.jose["alg"], request.jose["kid"]) == ("RS256", "0123456789abcdef")


def test_a_service_account_may_be_a_file(provider: TokenEndpoint, state: KeptState, tmp_path: Path) -> None:
    provider.behaviour.account_key = own().public
    file = tmp_path / "account.json"
    file.write_text(account(provider.token_url))
    assert token_of(login(service_account_json=str(file)), state) == provider.access_tokens[-1]


def test_a_service_account_s_token_is_kept_until_the_account_changes(
    provider: TokenEndpoint, state: KeptState
) -> None:
    provider.behaviour.account_key = own().public
    settings = login(service_account_json=account(provider.token_url))
    token_of(settings, state)
    token_of(settings, state)
    assert len(provider.requests) == 1
    texts: list[str] = []
    other = login(service_account_json=account(provider.token_url, client_email="other@mails"))
    OAuth(other, state).get_credentials(texts.append)
    assert texts[0] == "Signed out: service_account_json changed since the token was obtained."
    assert len(provider.requests) == 2


@pytest.mark.parametrize(
    ("break_it", "reason"),
    [
        (lambda url: "/no/such/file.json", "no such file or directory"),
        (lambda url: "{not json c4nary", "it is not JSON"),
        (lambda url: "{" * 100_000, "it is not JSON"),
        (lambda url: account(url, private_key=None), "it has no private_key"),
        (
            lambda url: account(url, private_key=5, client_email=None),
            "it has no client_email and no private_key",
        ),
        (lambda url: account(url, private_key="c4nary"), "its private_key can't be read"),
        (
            lambda url: account(url, private_key=own().certificate.public_bytes(Encoding.PEM).decode()),
            "private_key",
        ),
        (
            lambda url: json.dumps({"type": "authorized_user", "c4nary": 1}),
            "not the key of a service account",
        ),
    ],
)
def test_a_service_account_that_can_not_be_used_is_named(
    break_it: Callable[[str], str], reason: str, provider: TokenEndpoint, state: KeptState
) -> None:
    error = refused(login(service_account_json=break_it(provider.token_url)), state)
    assert str(error).startswith("The asset's service_account_json can't be used: ")
    assert reason in str(error)
    assert (error.step, error.category) == (Step.SETTINGS, Category.CONFIGURATION)
    assert provider.requests == []


def test_a_service_account_does_not_send_its_assertion_in_clear(state: KeptState) -> None:
    error = refused(login(service_account_json=account("http://oauth2.example/token")), state)
    assert str(error).startswith("token_uri of service_account_json has to begin with https://")


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (
            {
                "error": "unauthorized_client",
                "error_description": "Client is unauthorized to retrieve access tokens using this method, or client "
                "not authorized for any of the scopes requested.",
            },
            "Domain-wide delegation",
        ),
        (
            {"error": "invalid_grant", "error_description": "Invalid email or User ID"},
            "username is a mailbox",
        ),
        ({"error": "invalid_scope", "error_description": "x"}, "scopes"),
    ],
)
def test_google_s_refusals_say_what_to_change(
    answer: dict[str, str], hint: str, provider: TokenEndpoint, state: KeptState
) -> None:
    provider.behaviour.account_key = own().public
    provider.behaviour.error = answer
    error = refused(login(service_account_json=account(provider.token_url)), state)
    assert error.oauth_error == answer["error"]
    assert hint in error.hint


# -- a service account without a key ----------------------------------------------------------------------------


def keyless(url: str, **fields: Any) -> str:
    """The configuration of a workload's identity, as Google Cloud writes it."""
    values = {
        "type": "external_account",
        "audience": "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/q",
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "token_url": url,
        "service_account_impersonation_url": f"{url}/serviceAccounts/mailer@mails.example:generateAccessToken",
        "credential_source": {"file": "/no/such/token"},
    }
    return json.dumps({name: value for name, value in (values | fields).items() if value is not None})


@pytest.mark.parametrize("kept", ["text", "json", "federated_token_file"])
def test_google_signs_for_a_service_account_that_has_no_key(
    kept: str, provider: TokenEndpoint, state: KeptState, tmp_path: Path
) -> None:
    file = tmp_path / "token"
    file.write_text(json.dumps({"value": WORKLOAD}) if kept == "json" else f"{WORKLOAD}\n")
    form = {"type": "json", "subject_token_field_name": "value"} if kept == "json" else {"type": "text"}
    source = None if kept == "federated_token_file" else {"file": str(file), "format": form}
    asked: list[tuple[str, dict[str, str], str]] = []

    def answer(sender: Sender) -> None:
        request = provider.requests[-1]
        asked.append((request.path, request.form, request.headers.get("authorization", "")))
        if request.path.endswith(":signJwt"):
            sender.say(200, {"keyId": "k", "signedJwt": "eyJ.signed.c4nary"})
        else:
            sender.say(
                200, {"access_token": f"c4nary-{len(asked)}", "token_type": "Bearer", "expires_in": 3600}
            )

    provider.behaviour.answer = answer
    url = provider.token_url
    settings = login(
        service_account_json=keyless(url, token_uri=url, credential_source=source),
        federated_token_file=str(file) if source is None else "",
    )
    assert token_of(settings, state) == "c4nary-3"
    (_, exchange, _), (signer, _, bearer), (_, last, _) = asked
    assert exchange["grant_type"] == "urn:ietf:params:oauth:grant-type:token-exchange"
    assert exchange["subject_token"] == WORKLOAD
    assert exchange["audience"].startswith("//iam.googleapis.com/projects/1/")
    assert signer == "/token/serviceAccounts/mailer@mails.example:signJwt"
    assert bearer == "Bearer c4nary-1"
    assert last == {
        "grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer",
        "assertion": "eyJ.signed.c4nary",
    }


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"audience": None}, "it has no audience"),
        ({"audience": 5, "token_url": ""}, "it has no audience and no token_url"),
        ({"service_account_impersonation_url": None}, "names no service account"),
        (
            {"service_account_impersonation_url": "https://iam.example/mailer:generateAccessToken"},
            "names no service",
        ),
        ({"credential_source": None}, "its credential_source names no file"),
        (
            {"credential_source": {"url": "http://169.254.169.254/token"}},
            "its credential_source names no file",
        ),
        ({"credential_source": {"executable": {"command": "x"}}}, "its credential_source names no file"),
        (
            {
                "credential_source": {
                    "file": "/dev/null",
                    "format": {"type": "json", "subject_token_field_name": "x"},
                }
            },
            "does not hold the token",
        ),
    ],
)
def test_a_workload_s_configuration_that_can_not_be_used_is_named(
    fields: dict[str, Any], reason: str, provider: TokenEndpoint, state: KeptState
) -> None:
    error = refused(login(service_account_json=keyless(provider.token_url, **fields)), state)
    assert str(error).startswith("The asset's service_account_json can't be used: ")
    assert reason in str(error)
    assert (error.step, error.category) == (Step.SETTINGS, Category.CONFIGURATION)
    assert provider.requests == []


@pytest.mark.parametrize("name", ["token_url", "service_account_impersonation_url"])
def test_a_workload_s_token_does_not_go_out_in_clear(
    name: str, provider: TokenEndpoint, state: KeptState
) -> None:
    url = "http://google.example/serviceAccounts/mailer@mails.example:generateAccessToken"
    error = refused(login(service_account_json=keyless(provider.token_url, **{name: url})), state)
    assert str(error).startswith(f"{name} of service_account_json has to begin with https://")
    assert provider.requests == []


def test_a_workload_that_may_not_sign_is_told_which_role_it_lacks(
    provider: TokenEndpoint, state: KeptState, tmp_path: Path
) -> None:
    file = tmp_path / "token"
    file.write_text(WORKLOAD)

    def answer(sender: Sender) -> None:
        if provider.requests[-1].path.endswith(":signJwt"):
            said = "Permission 'iam.serviceAccounts.signJwt' denied on resource (or it may not exist)."
            sender.say(403, {"error": {"code": 403, "message": said, "status": "PERMISSION_DENIED"}})
        else:
            sender.say(200, {"access_token": "c4nary", "token_type": "Bearer", "expires_in": 3600})

    provider.behaviour.answer = answer
    error = refused(
        login(service_account_json=keyless(provider.token_url), federated_token_file=str(file)), state
    )
    assert "PERMISSION_DENIED (Permission 'iam.serviceAccounts.signJwt' denied" in str(error)
    assert "Service Account Token Creator" in error.hint


# -- each mail's sender ----------------------------------------------------------------------------------------


def test_a_service_account_gets_a_token_for_each_sender_and_keeps_it(
    provider: TokenEndpoint, state: KeptState
) -> None:
    provider.behaviour.account_key = own().public
    settings = login(service_account_json=account(provider.token_url), login_as="sender")
    for sender in (ANN, BOB, ANN, BOB):
        credentials = OAuth(settings.as_sender(sender), state).get_credentials(lambda _: None)
        assert getattr(credentials, "username", "") == sender
    assert [request.claims["sub"] for request in provider.requests] == [ANN, BOB]


def test_the_tokens_of_so_many_senders_only_are_kept(provider: TokenEndpoint, state: KeptState) -> None:
    provider.behaviour.account_key = own().public
    settings = login(service_account_json=account(provider.token_url), login_as="sender")
    for number in range(MAX_SENDERS + 5):
        OAuth(settings.as_sender(f"{number}@example.com"), state).get_credentials(lambda _: None)
    assert len(state.load()) == MAX_SENDERS
    OAuth(settings.as_sender(f"{MAX_SENDERS + 4}@example.com"), state).get_credentials(lambda _: None)
    assert len(provider.requests) == MAX_SENDERS + 5, "the newest are still there"


def test_an_application_s_token_serves_for_every_sender(provider: TokenEndpoint, state: KeptState) -> None:
    provider.behaviour.client_secret = "s"
    settings = login(provider, client_secret="s", login_as="sender")
    tokens = set()
    for sender in (ANN, BOB):
        credentials = OAuth(settings.as_sender(sender), state).get_credentials(lambda _: None)
        assert getattr(credentials, "username", "") == sender
        tokens.add(getattr(credentials, "token", ""))
    assert tokens == set(provider.access_tokens)
    assert len(provider.requests) == 1


def test_a_login_as_its_user_name_stays_itself_whoever_sends() -> None:
    settings = login()
    assert settings.as_sender(BOB) is settings


def _blocks(pem: str) -> list[str]:
    """Each block of the text by itself."""
    end = "-----END "
    pieces = pem.split("-----BEGIN ")[1:]
    assert all(end in piece for piece in pieces)
    return [f"-----BEGIN {piece}" for piece in pieces]
