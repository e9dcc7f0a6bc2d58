"""Attack 12: token endpoints that are slow, broken or hostile."""

from __future__ import annotations

import base64
import gzip
import json
import os
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from email.utils import formatdate
from pathlib import Path
from urllib.parse import quote

import pytest

from auth.errors import AuthError, Step
from auth.oauth.web import MAX_ANSWER, trusting
from smtp.errors import Category
from tests.auth.helpers import CANARY, KeptState, login, token_of
from tests.support.authority import authority, be_strict
from tests.support.pem_shapes import SHAPES, shaped
from tests.support.token_endpoint import Proxy, Sender, TokenEndpoint

SECRETS = {"client_secret": CANARY, "refresh_token": "c4nary-refresh"}


@pytest.fixture
def provider() -> Iterator[TokenEndpoint]:
    with TokenEndpoint() as endpoint:
        yield endpoint


def failure(
    provider: TokenEndpoint, answer: Callable[[Sender], None], patience: float = 5.0, **fields: object
) -> AuthError:
    """What comes of a token request that is answered so. It is over in time, and shows no secret."""
    provider.behaviour.answer = answer
    state = KeptState()
    began = time.monotonic()
    with pytest.raises(AuthError) as caught:
        token_of(login(provider, **(SECRETS | {"read_timeout": patience} | fields)), state)
    assert time.monotonic() - began < patience + 4
    error = caught.value
    assert error.step is Step.TOKEN
    assert error.hint
    assert "c4nary" not in f"{error} {error.hint} {error!r}"
    return error


def endless(sender: Sender) -> None:
    sender.raw(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")
    while True:
        sender.raw(b" " * 65536)


def dripping_body(sender: Sender) -> None:
    sender.raw(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n")
    drip(sender, b" ")


def dripping_header(sender: Sender) -> None:
    sender.raw(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    drip(sender, b"x")


def drip(sender: Sender, octet: bytes) -> None:
    until = time.monotonic() + 8
    while time.monotonic() < until:
        sender.raw(octet)
        time.sleep(0.05)


def packed(sender: Sender) -> None:
    sender.say(200, gzip.compress(json.dumps({"access_token": "at"}).encode()), Content_Encoding="gzip")


@pytest.mark.parametrize("answer", [dripping_body, dripping_header, lambda _: time.sleep(8)])
def test_an_answer_that_takes_too_long_as_a_whole_is_given_up(
    answer: Callable[[Sender], None], provider: TokenEndpoint
) -> None:
    error = failure(provider, answer, patience=1.0)
    assert error.retryable
    assert error.category is Category.NETWORK
    assert "localhost" in str(error)


@pytest.mark.parametrize(
    "answer", [endless, lambda sender: sender.say(200, b'{"x": "' + b"x" * MAX_ANSWER + b'"}')]
)
def test_an_answer_that_is_too_large_is_not_read_to_its_end(
    answer: Callable[[Sender], None], provider: TokenEndpoint
) -> None:
    error = failure(provider, answer)
    assert "larger than" in str(error)
    assert error.category is Category.PROTOCOL


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>502 Bad Gateway</html>",
        b"null",
        b"[]",
        b'"at"',
        b"7",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"access_token": "at"',
    ],
)
@pytest.mark.parametrize("status", [200, 400])
def test_an_answer_that_is_no_json_object_is_named_as_that(
    status: int, body: bytes, provider: TokenEndpoint
) -> None:
    error = failure(provider, lambda sender: sender.say(status, body))
    assert str(error) == f"localhost did not answer the token request with a JSON object (HTTP {status})."


def test_a_packed_answer_is_not_unpacked(provider: TokenEndpoint) -> None:
    assert "JSON object" in str(failure(provider, packed))


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed_wherever_it_leads(status: int, provider: TokenEndpoint) -> None:
    with TokenEndpoint() as elsewhere:
        error = failure(provider, lambda sender: sender.say(status, {}, Location=elsewhere.token_url))
        assert elsewhere.requests == []
    assert error.category is Category.SECURITY
    assert "redirect" in str(error)


@pytest.mark.parametrize(
    ("status", "headers", "wait"),
    [
        (500, {}, None),
        (503, {"Retry_After": "17"}, 17),
        (429, {"Retry_After": "999999999"}, 3600),
        (429, {"Retry_After": "Wed, 21 Oct 2026 07:28:00 GMT"}, None),
        (503, {"Retry_After": "-1"}, None),
    ],
)
def test_a_busy_provider_is_worth_a_retry_and_says_when(
    status: int, headers: dict[str, str], wait: float | None, provider: TokenEndpoint
) -> None:
    error = failure(provider, lambda sender: sender.say(status, b"busy", **headers))
    assert (error.category, error.retryable, error.retry_after) == (Category.TEMPORARY, True, wait)


def test_a_date_says_when_too(provider: TokenEndpoint) -> None:
    when = formatdate(time.time() + 120, usegmt=True)
    error = failure(provider, lambda sender: sender.say(429, b"busy", Retry_After=when))
    assert error.retry_after is not None
    assert 100 < error.retry_after <= 120


@pytest.mark.parametrize(
    "value", ["soon", "", "1" * 5000, "Fri, 31 Dec 9999 23:59:59 GMT", "Mon, 99 Foo 2026", "\xb2"]
)
def test_a_time_that_is_none_is_lived_with(value: str, provider: TokenEndpoint) -> None:
    error = failure(provider, lambda sender: sender.say(429, b"busy", Retry_After=value))
    assert error.retry_after in (None, 3600)


@pytest.mark.parametrize(
    "answer",
    [
        {"access_token": "at", "error": None},
        {"access_token": "at", "error": "", "error_description": ""},
        {"access_token": "at", "token_type": None},
        {"access_token": "at", "token_type": "BEARER "},
        {"access_token": "at", "expires_in": None, "scope": None, "refresh_token": None},
        {"access_token": "at", "expires_in": "3599.5"},
        {"access_token": "at", "expires_in": -1},
        {"access_token": "at", "expires_in": 10**300},
        {"access_token": "at", "expires_in": {"seconds": 1}},
    ],
)
def test_a_token_is_taken_whatever_else_is_odd(answer: dict[str, object], provider: TokenEndpoint) -> None:
    provider.behaviour.answer = lambda sender: sender.say(200, answer)
    assert token_of(login(provider, **SECRETS), KeptState()) == "at"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
def test_an_answer_in_another_unicode_is_read(encoding: str, provider: TokenEndpoint) -> None:
    body = json.dumps({"access_token": "at"}).encode(encoding)
    provider.behaviour.answer = lambda sender: sender.say(200, body)
    assert token_of(login(provider, **SECRETS), KeptState()) == "at"


def test_an_error_in_another_character_set_keeps_its_name(provider: TokenEndpoint) -> None:
    body = '{"error": "invalid_grant", "error_description": "Jeton expir\u00e9"}'.encode("latin-1")
    error = failure(provider, lambda sender: sender.say(400, body))
    assert error.oauth_error == "invalid_grant"
    assert "Jeton expir" in str(error)


@pytest.mark.parametrize("kind", ["mac", "DPoP", "N_A", 5, ["Bearer"]])
def test_a_token_of_another_type_can_not_be_used(kind: object, provider: TokenEndpoint) -> None:
    error = failure(provider, lambda sender: sender.say(200, {"access_token": "at", "token_type": kind}))
    assert "isn't of the type Bearer" in str(error)


@pytest.mark.parametrize(
    "written",
    [
        lambda secret: secret,
        str.upper,
        lambda secret: secret[:12],
        lambda secret: secret.encode().hex(),
        lambda secret: quote(secret, safe="").lower(),
        lambda secret: base64.b64encode(f"app:{secret}".encode()).decode(),
        lambda secret: base64.b64encode(secret.encode()).decode()[:12],
    ],
)
@pytest.mark.parametrize("place", ["error", "error_description"])
def test_a_provider_that_repeats_a_secret_in_any_form_shows_nothing(
    written: Callable[[str], str], place: str, provider: TokenEndpoint
) -> None:
    said = {"error": "invalid_client", place: f"bad client {written(CANARY)}"}
    error = failure(provider, lambda sender: sender.say(401, said))
    assert written(CANARY).lower() not in f"{error} {error.hint}".lower()
    assert "<hidden>" in str(error)


def test_a_closed_connection_is_worth_a_retry(provider: TokenEndpoint) -> None:
    assert failure(provider, lambda sender: sender.connection.close()).retryable


def test_an_error_that_repeats_the_request_gives_nothing_away(provider: TokenEndpoint) -> None:
    def parrot(sender: Sender) -> None:
        form = provider.requests[-1].form
        text = f"\x1b[31mbad request: {form} \u202e" + "x" * 5000
        sender.say(400, {"error": "invalid_request", "error_description": text})

    error = failure(provider, parrot)
    assert error.oauth_error == "invalid_request"
    assert str(error).startswith("The provider refused the token request: invalid_request ([31mbad request:")
    assert str(error).isprintable()
    assert len(str(error)) < 500


@pytest.mark.parametrize(
    "answer",
    [
        {"error": {"code": 400, "message": "no"}},
        {"error": None},
        {"error": ["a", "b"], "error_description": {"x": 1}},
        {"error": ""},
        {"error_description": "only this"},
    ],
)
def test_errors_of_strange_shapes_are_still_errors(answer: object, provider: TokenEndpoint) -> None:
    failure(provider, lambda sender: sender.say(400, answer))


@pytest.mark.parametrize(
    ("code", "category", "retryable"),
    [
        ("unauthorized_client", Category.CONFIGURATION, False),
        ("invalid_scope", Category.CONFIGURATION, False),
        ("temporarily_unavailable", Category.TEMPORARY, True),
        ("made_up", Category.PERMANENT, False),
    ],
)
def test_the_codes_of_the_rfc_say_whose_trouble_it_is(
    code: str, category: Category, retryable: bool, provider: TokenEndpoint
) -> None:
    error = failure(provider, lambda sender: sender.say(400, {"error": code}))
    assert (error.category, error.retryable, error.oauth_error) == (category, retryable, code)


@pytest.mark.parametrize(
    ("number", "setting"),
    [("7000215", "client_secret"), ("700016", "client_id"), ("7000218", "public client")],
)
def test_the_numbers_of_microsoft_name_the_setting(
    number: str, setting: str, provider: TokenEndpoint
) -> None:
    said = {"error": "invalid_client", "error_description": f"AADSTS{number}: Something long."}
    assert setting in failure(provider, lambda sender: sender.say(401, said)).hint


def test_a_port_where_nobody_listens_is_a_network_error(provider: TokenEndpoint) -> None:
    with TokenEndpoint() as gone:
        url = gone.token_url
    error = failure(provider, lambda _: None, token_url=url)
    assert (error.category, error.retryable) == (Category.NETWORK, True)


def test_http_to_another_machine_is_refused_before_anything_is_sent() -> None:
    settings = login(client_id="app", token_url="http://id.example/token", refresh_token="c4nary")
    with pytest.raises(AuthError, match="token_url has to begin with https"):
        token_of(settings, KeptState())


# -- TLS and proxies -------------------------------------------------------------------------------------------


def test_a_private_authority_is_trusted_through_ca_bundle_as_text_or_file(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    file = tmp_path_factory.mktemp("ca") / "ca.pem"
    file.write_text(authority().pem)
    for bundle in (authority().pem, str(file)):
        with TokenEndpoint(tls=authority().good) as provider:
            settings = login(provider, refresh_token=provider.give_refresh_token(), ca_bundle=bundle)
            assert token_of(settings, KeptState()) == provider.access_tokens[-1]


@pytest.mark.parametrize(
    ("certificate", "ca_bundle", "reason"),
    [
        ("good", "", "unable to get local issuer certificate"),
        ("wrong_host", "private", "Hostname mismatch"),
        ("expired", "private", "certificate has expired"),
        ("self_signed", "private", "self-signed certificate"),
    ],
)
def test_a_certificate_that_is_not_good_ends_it_with_the_reason(
    certificate: str, ca_bundle: str, reason: str
) -> None:
    with TokenEndpoint(tls=getattr(authority(), certificate)) as provider:
        error = failure(provider, lambda _: None, ca_bundle=authority().pem if ca_bundle else "")
        assert provider.requests == []
    assert error.category is Category.CONFIGURATION
    assert reason in str(error)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_ca_bundle_is_read_as_it_is_for_the_mail_server(
    shape: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    octets = shaped(authority().pem, shape)
    (tmp_path / "ca.pem").write_bytes(octets)
    for bundle in (octets.decode("utf-8", "replace"), "~/ca.pem"):
        with TokenEndpoint(tls=authority().good) as provider:
            settings = login(provider, refresh_token=provider.give_refresh_token(), ca_bundle=bundle)
            assert token_of(settings, KeptState()) == provider.access_tokens[-1]


def test_a_ca_bundle_is_trusted_besides_the_public_authorities() -> None:
    public = len(ssl.create_default_context().get_ca_certs())
    trusted = {bundle: len(trusting(bundle).get_ca_certs()) for bundle in ("", authority().pem)}
    assert trusted == {"": public, authority().pem: public + 1}


def test_a_chain_in_the_form_of_decades_ago_is_verified_with_every_python(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    be_strict(monkeypatch)
    context, ca = authority().as_decades_ago
    with TokenEndpoint(tls=context) as provider:
        settings = login(provider, refresh_token=provider.give_refresh_token(), ca_bundle=ca)
        assert token_of(settings, KeptState()) == provider.access_tokens[-1]


@pytest.mark.parametrize(
    "bundle",
    ["/does/not/exist.pem", "/dev/null", "-----BEGIN CERTIFICATE-----\nno\n-----END CERTIFICATE-----"],
)
def test_a_ca_bundle_that_is_none_is_named(bundle: str, provider: TokenEndpoint) -> None:
    error = failure(provider, lambda _: None, ca_bundle=bundle)
    assert str(error).startswith("The asset's ca_bundle can't be used for the token endpoint: ")
    assert error.category is Category.CONFIGURATION


def test_the_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with TokenEndpoint(tls=authority().server("id.example")) as provider, Proxy(provider.port) as proxy:
        without_other_proxies(monkeypatch)
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        settings = login(
            client_id="app",
            token_url="https://id.example/token",
            refresh_token=provider.give_refresh_token(),
            ca_bundle=authority().pem,
        )
        assert token_of(settings, KeptState()) == provider.access_tokens[-1]
        assert proxy.asked_for == ["id.example:443"]


def test_a_proxy_that_is_not_there_is_named_as_the_reason(
    monkeypatch: pytest.MonkeyPatch, provider: TokenEndpoint
) -> None:
    with TokenEndpoint() as gone:
        port = gone.port
    without_other_proxies(monkeypatch)
    monkeypatch.setenv("HTTPS_PROXY", f"http://c4nary:c4nary@127.0.0.1:{port}")
    error = failure(provider, lambda _: None, token_url="https://id.example/token")
    assert "proxy" in str(error)
    assert error.retryable


def without_other_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.lower().endswith("_proxy"):
            with suppress(KeyError):
                monkeypatch.delenv(name)
