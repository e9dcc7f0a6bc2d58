"""MAIL destinations: SAP's own samples, word for word, and what a destination may say beside them."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from doors.relay.destination import read
from host.local.inputs import InputError
from tests.support.authority import authority
from tests.support.proxies import TestProxy
from tests.support.relays import RunningRelay, Talk
from tests.support.scripted import ScriptedServer, Settings
from tests.support.scripted.server import closed_port
from tests.support.token_service import TokenServer

USER, PASSWORD, TOKEN = "ann@x.test", "password-canary", "access-canary"
LOGINS = {USER: PASSWORD}
TOKENS = {USER: TOKEN}

# As SAP's documentation has them: destinations first, then Destination resources, then what is typed into telnet.
SAMPLE = """
{
        "Name": "example-dest-smtp",
        "Type": "MAIL",
        "Authentication": "%(authentication)s",
        "mail.user": <username>,%(password)s
        "mail.transport.protocol": "smtp",
        "mail.smtp.host": "smtp",
        "mail.smtp.auth": "true",
        "mail.smtp.port": "587",
        "ProxyType": "%(proxy)s"%(tokens)s
}
"""
TOKEN_KEYS = """,
        "tokenServiceURL": <token-service-url>,
        "clientId": <client-id>,
        "clientSecret": <client-secret>,
        "tokenServiceURLType": "Dedicated\""""
RESOURCE = """
apiVersion: destination.connectivity.api.sap/v1
kind: Destination
metadata:
  name: <destination-cr-name>
spec:
  destinationRef:
    name: "example-dest-smtp"
  destinationServiceInstanceName: <dest-service-instance-name> // can be ommited if config.destinationService.defaultInstanceName is provided
"""  # noqa: E501 - as it stands there
SHARED = """
apiVersion: destination.connectivity.api.sap/v1
kind: Destination
metadata:
  name: <destination-cr-name>
  annotations:
    transparent-proxy.connectivity.api.sap/tenant-subdomains: '["tenant-subdomain", "another-tenant-subdomain"]'
  destinationRef:
    name: "example-dest-smtp"
  destinationServiceInstanceName: <dest-service-instance-name> // can be ommited if config.destinationService.defaultInstanceName is provided
"""  # noqa: E501 - as it stands there
PLAIN_SESSION = """\
  
MAIL FROM:sender@transparentproxy.com
   
RCPT TO:receiver@transparentproxy.com
   
DATA
   
Some test data.

.
"""  # noqa: W293 - the lines of white space are what this is about
TOKEN_SESSION = """\
 
// Token Format: "user=<username>\\x01auth=Bearer <access_token>\\x01\\x01" where access_token is the refresh token for OAuth2RefreshToken or the authorization code for OAuth2AuthorizationCode and username is your mail user
AUTH XOAUTH2 <base64-encoded-token>
 
MAIL FROM:sender@transparentproxy.com
   
RCPT TO:receiver@transparentproxy.com
   
DATA
   
Some test data.
 
.
"""  # noqa: E501, W293 - the same


def sample(
    authentication: str,
    proxy: str = "Internet",
    *,
    port: int,
    token_url: str = "https://token.test",
    **more: object,
) -> dict[str, Any]:
    """SAP's sample with its blanks filled in, for a server on this machine."""
    is_basic = authentication == "BasicAuthentication"
    text = SAMPLE % {
        "authentication": authentication,
        "proxy": proxy,
        "password": '\n        "mail.password": <password>,' if is_basic else "",
        "tokens": "" if is_basic else TOKEN_KEYS,
    }
    for blank, value in (
        ("<username>", USER),
        ("<password>", PASSWORD),
        ("<token-service-url>", f"{token_url}/oauth/token"),
        ("<client-id>", "client"),
        ("<client-secret>", "client-canary"),
    ):
        text = text.replace(blank, json.dumps(value))
    destination: dict[str, Any] = json.loads(text)
    return destination | {"mail.smtp.host": "127.0.0.1", "mail.smtp.port": str(port)} | more


def written(folder: Path, *documents: object, resources: str = "") -> str:
    where = folder / "destinations"
    where.mkdir(exist_ok=True)
    for number, document in enumerate(documents):
        (where / f"{number}.json").write_text(json.dumps(document))
    if resources:
        (where / "resources.yaml").write_text(resources)
    return str(where)


def typed(session: str, token: str = "") -> bytes:
    return session.replace("<base64-encoded-token>", token).replace("\n", "\r\n").encode()


def xoauth2(secret: str, user: str = USER) -> str:
    return base64.b64encode(f"user={user}\x01auth=Bearer {secret}\x01\x01".encode()).decode()


@pytest.fixture(autouse=True)
def trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests' authority is the system's, as far as this process knows."""
    path = tmp_path / "authority.pem"
    path.write_text(authority().pem)
    monkeypatch.setenv("SSL_CERT_FILE", str(path))


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    """Port 587 as it should be: STARTTLS, and a login behind it."""
    settings = Settings(tls="starttls", auth=("PLAIN", "XOAUTH2"), logins=LOGINS)
    with ScriptedServer(settings) as running:
        yield running


@pytest.fixture
def bearer_server() -> Iterator[ScriptedServer]:
    with ScriptedServer(Settings(tls="starttls", auth=("XOAUTH2",), logins=TOKENS)) as running:
        yield running


REQUIRED = {"mail.smtp.starttls.required": "true"}


def test_the_sessions_of_basic_authentication_work_as_they_stand(
    tmp_path: Path, server: ScriptedServer
) -> None:
    folder = written(tmp_path, sample("BasicAuthentication", port=server.port, **REQUIRED))
    with RunningRelay(destinations=folder) as relay, Talk(relay.port) as client:
        assert client.codes(typed(PLAIN_SESSION), 4) == ["250", "250", "354", "250"]
        assert list(relay.ports) == ["example-dest-smtp"]
        assert PASSWORD not in relay.heard.text
    (accepted,) = server.log.accepted
    assert (accepted.sender, accepted.recipients) == (
        "sender@transparentproxy.com",
        ("receiver@transparentproxy.com",),
    )
    assert (accepted.username, accepted.tls[:3]) == (USER, "TLS")
    header, _, body = accepted.content.partition(b"\r\n\r\n")
    assert body == b"   \r\nSome test data.\r\n\r\n"
    assert b"\r\nDate: " in header
    assert b"\r\nMessage-ID: " in header


def test_client_credentials_get_a_token_for_the_client(tmp_path: Path, bearer_server: ScriptedServer) -> None:
    with TokenServer() as tokens:
        destination = sample("OAuth2ClientCredentials", port=bearer_server.port, token_url=tokens.url)
        with (
            RunningRelay(destinations=written(tmp_path, destination)) as relay,
            Talk(relay.port) as client,
        ):
            for _ in range(2):
                assert client.codes(typed(PLAIN_SESSION), 4) == ["250", "250", "354", "250"]
            for canary in ("client-canary", TOKEN):
                assert canary not in relay.heard.text
        (asked,) = tokens.asked
        assert asked.path == "/oauth/token"
        assert asked.form == {
            "grant_type": "client_credentials",
            "client_id": "client",
            "client_secret": "client-canary",
        }
    assert [one.mechanism for one in bearer_server.log.accepted] == ["XOAUTH2", "XOAUTH2"]


@pytest.mark.parametrize(
    ("authentication", "grant", "name"),
    [
        ("OAuth2RefreshToken", "refresh_token", "refresh_token"),
        ("OAuth2AuthorizationCode", "authorization_code", "code"),
    ],
)
def test_the_clients_token_is_exchanged_and_its_session_works_as_it_stands(
    authentication: str, grant: str, name: str, tmp_path: Path, bearer_server: ScriptedServer
) -> None:
    with TokenServer() as tokens:
        destination = sample(authentication, port=bearer_server.port, token_url=tokens.url)
        with (
            RunningRelay(destinations=written(tmp_path, destination)) as relay,
            Talk(relay.port) as client,
        ):
            assert "XOAUTH2" in client.say("EHLO me.test")
            assert client.say("MAIL FROM:sender@transparentproxy.com").startswith("530 5.7.0 ")
            codes = client.codes(typed(TOKEN_SESSION, xoauth2("brought-canary")), 6)
            assert codes == ["500", "235", "250", "250", "354", "250"]
            for canary in ("brought-canary", TOKEN, "client-canary"):
                assert canary not in relay.heard.text
        (asked,) = tokens.asked
        assert (asked.form["grant_type"], asked.form[name]) == (grant, "brought-canary")
    (accepted,) = bearer_server.log.accepted
    assert (accepted.username, accepted.mechanism) == (USER, "XOAUTH2")


def test_a_token_that_the_service_refuses_is_told_at_the_login(
    tmp_path: Path, bearer_server: ScriptedServer
) -> None:
    refusal = {"error": "invalid_grant", "error_description": "the token brought-canary has expired"}
    with TokenServer(refusal) as tokens:
        destination = sample("OAuth2RefreshToken", port=bearer_server.port, token_url=tokens.url)
        with (
            RunningRelay(destinations=written(tmp_path, destination)) as relay,
            Talk(relay.port) as client,
        ):
            refused = client.say(f"AUTH XOAUTH2 {xoauth2('brought-canary')}")
            assert refused.startswith(("535 5.7.8", "535-5.7.8"))
            assert "invalid_grant" in refused
            assert "brought-canary" not in refused + relay.heard.text
            assert client.say("MAIL FROM:<a@x.test>").startswith("530 ")


def test_a_refresh_token_that_is_replaced_is_replaced_here_too(
    tmp_path: Path, bearer_server: ScriptedServer
) -> None:
    first = {"access_token": TOKEN, "expires_in": 1, "refresh_token": "second"}
    second = {"access_token": TOKEN, "expires_in": 3600, "refresh_token": "third"}
    with TokenServer(first, second) as tokens:
        destination = sample("OAuth2RefreshToken", port=bearer_server.port, token_url=tokens.url)
        with RunningRelay(destinations=written(tmp_path, destination)) as relay:
            for _ in range(2):
                with Talk(relay.port) as client:
                    assert client.say(f"AUTH XOAUTH2 {xoauth2('first')}").startswith("235")
                time.sleep(1.1)  # the first access token lives a second
        assert [one.form["refresh_token"] for one in tokens.asked] == ["first", "second"]


def test_one_tenant_each_has_a_listener_in_the_order_of_the_names(
    tmp_path: Path, server: ScriptedServer
) -> None:
    documents = (
        sample("BasicAuthentication", port=server.port, **REQUIRED),
        sample("BasicAuthentication", port=server.port, Name="a-first", **REQUIRED),
    )
    with RunningRelay(destinations=written(tmp_path, *documents, resources=SHARED)) as relay:
        assert list(relay.ports) == [
            "a-first",
            "example-dest-smtp-another-tenant-subdomain",
            "example-dest-smtp-tenant-subdomain",
        ]
        for port in relay.ports.values():
            with Talk(port) as client:
                assert client.codes(typed(PLAIN_SESSION), 4) == ["250", "250", "354", "250"]
    assert len(server.log.accepted) == 3


def test_a_resource_without_tenants_is_one_listener_on_its_own_port(
    tmp_path: Path, server: ScriptedServer
) -> None:
    port = closed_port()
    destination = sample("BasicAuthentication", port=server.port, **REQUIRED)
    resource = RESOURCE + f"  service:\n    port: {port}\n"
    with RunningRelay(destinations=written(tmp_path, destination, resources=resource)) as relay:
        assert relay.ports == {"example-dest-smtp": port}


def test_a_common_token_service_is_asked_under_the_tenants_name() -> None:
    common = {"tokenServiceURLType": "Common", "tokenServiceURL": "https://{tenant}.token.test/oauth/token"}
    destination = read(sample("OAuth2ClientCredentials", port=25, **common), "blue")
    assert destination.service is not None
    assert destination.service.url == "https://blue.token.test/oauth/token"
    common["tokenServiceURL"] = "https://token.test/oauth/token"
    destination = read(sample("OAuth2ClientCredentials", port=25, **common), "blue")
    assert destination.service is not None
    assert destination.service.url == "https://blue.token.test/oauth/token"
    with pytest.raises(InputError, match="tenant has to be known"):
        read(sample("OAuth2ClientCredentials", port=25, **common))


def test_what_a_destination_says_about_token_requests_is_done(
    tmp_path: Path, bearer_server: ScriptedServer
) -> None:
    more = {
        "tokenService.addClientCredentialsInBody": "false",
        "scope": "mail.send",
        "tokenService.body.audience": "mail",
        "tokenServiceURL.headers.X-Zone": "eu",
        "tokenServiceURL.queries.version": "2",
    }
    with TokenServer() as tokens:
        destination = sample("OAuth2ClientCredentials", port=bearer_server.port, token_url=tokens.url, **more)
        with RunningRelay(destinations=written(tmp_path, destination)) as relay, Talk(relay.port) as client:
            assert client.codes(typed(PLAIN_SESSION), 4) == ["250", "250", "354", "250"]
        (asked,) = tokens.asked
    assert asked.form == {"grant_type": "client_credentials", "scope": "mail.send", "audience": "mail"}
    assert asked.login == "client:client-canary"
    assert asked.headers["x-zone"] == "eu"
    assert asked.query == {"version": "2"}


def answer(destination: dict[str, Any], **token: object) -> dict[str, Any]:
    """The Destination service's answer."""
    return {"owner": {"SubaccountId": "1"}, "destinationConfiguration": destination, "authTokens": [token]}


def test_a_token_of_the_destination_service_is_used_while_it_is_good(
    tmp_path: Path, bearer_server: ScriptedServer
) -> None:
    with TokenServer() as tokens:
        destination = sample("OAuth2ClientCredentials", port=bearer_server.port, token_url=tokens.url)
        for seconds, requests in (("3600", 0), ("0", 1)):
            given = answer(destination, type="bearer", value=TOKEN, expires_in=seconds)
            with RunningRelay(destinations=written(tmp_path, given)) as relay, Talk(relay.port) as client:
                assert client.codes(typed(PLAIN_SESSION), 4) == ["250", "250", "354", "250"]
            assert len(tokens.asked) == requests


def test_an_error_of_the_destination_service_is_told_at_mail(
    tmp_path: Path, bearer_server: ScriptedServer
) -> None:
    given = answer(
        sample("OAuth2ClientCredentials", port=bearer_server.port),
        type="",
        value="",
        error="Retrieval of OAuthToken failed: Unauthorized",
    )
    with RunningRelay(destinations=written(tmp_path, given)) as relay, Talk(relay.port) as client:
        refused = client.say("MAIL FROM:<a@x.test>")
        assert refused.startswith(("454 4.7.0 ", "454-4.7.0 "))
        assert "Retrieval of OAuthToken failed: Unauthorized" in refused
    assert bearer_server.log.accepted == []


def test_on_premise_goes_through_the_connectivity_proxy(tmp_path: Path, server: ScriptedServer) -> None:
    with (
        TokenServer({"access_token": "jwt-canary", "expires_in": 3600}) as tokens,
        TestProxy("socks5", (server.host, server.port), token="jwt-canary") as proxy,
    ):
        binding = tmp_path / "binding.json"
        binding.write_text(
            json.dumps(
                {
                    "onpremise_proxy_host": "127.0.0.1",
                    "onpremise_socks5_proxy_port": str(proxy.port),
                    "clientid": "sb",
                    "clientsecret": "binding-canary",
                    "url": tokens.url,
                }
            )
        )
        destination = sample(
            "BasicAuthentication",
            "OnPremise",
            port=587,
            CloudConnectorLocationId="cellar",
            **{"mail.smtp.host": "localhost"},
        )
        folder = written(tmp_path, destination)
        with (
            RunningRelay(destinations=folder, connectivity=str(binding)) as relay,
            Talk(relay.port) as client,
        ):
            assert client.codes(typed(PLAIN_SESSION), 4) == ["250", "250", "354", "250"]
            for canary in ("jwt-canary", "binding-canary"):
                assert canary not in relay.heard.text
        assert proxy.wanted == [b"localhost:587"]
        assert proxy.heard == [b"jwt-canary", base64.b64encode(b"cellar")]
        (asked,) = tokens.asked
        assert (asked.path, asked.form["client_id"]) == ("/oauth/token", "sb")
    assert len(server.log.accepted) == 1


def test_a_login_in_clear_needs_a_word_of_the_command_line_unless_the_server_is_here(tmp_path: Path) -> None:
    clear = {"mail.smtp.starttls.enable": "false"}
    with ScriptedServer(Settings(auth=("PLAIN",), logins=LOGINS)) as server:
        folder = written(tmp_path, sample("BasicAuthentication", port=server.port, **clear))
        with RunningRelay(destinations=folder) as relay, Talk(relay.port) as client:
            assert client.say("MAIL FROM:<a@x.test>").startswith("250")
        with TestProxy("socks5", (server.host, server.port)) as proxy:
            through = {"mail.smtp.socks.host": "127.0.0.1", "mail.smtp.socks.port": str(proxy.port)}
            folder = written(tmp_path, sample("BasicAuthentication", port=server.port, **clear, **through))
            with RunningRelay(destinations=folder) as relay, Talk(relay.port) as client:
                assert client.say("MAIL FROM:<a@x.test>").startswith(("454 4.7.0", "454-4.7.0"))
            with (
                RunningRelay(destinations=folder, allow_plaintext_auth=True) as relay,
                Talk(relay.port) as client,
            ):
                assert client.say("MAIL FROM:<a@x.test>").startswith("250")


def test_a_broken_destination_is_told_and_the_others_serve(tmp_path: Path, server: ScriptedServer) -> None:
    good = sample("BasicAuthentication", port=server.port, **REQUIRED)
    broken = [
        good | {"Name": "b", "Type": "HTTP"},
        good | {"Name": "c", "mail.password": ""},
        good | {"Name": "d", "ProxyType": "OnPremise"},
        good | {"Name": "e", "Authentication": "ClientCertificateAuthentication"},
        {"no": "name"},
    ]
    other = "apiVersion: destination.connectivity.api.sap/v1\nkind: Destination\nspec:\n  destinationRef: {name: x}\n"
    with RunningRelay(destinations=written(tmp_path, good, *broken, resources=other)) as relay:
        assert list(relay.ports) == ["example-dest-smtp"]
        for part in (
            "destination b ",
            "destination c ",
            "--connectivity",
            "destination e ",
            "no Name",
            "'x'",
        ):
            assert part in relay.heard.text
        assert PASSWORD not in relay.heard.text
    with pytest.raises(InputError, match="no destination that can be relayed for"):
        RunningRelay(
            destinations=written(tmp_path / "..", *broken) if False else str(_only(tmp_path, broken))
        )


def _only(folder: Path, documents: list[dict[str, Any]]) -> Path:
    path = folder / "broken.json"
    path.write_text(json.dumps(documents))
    return path


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "a: [",
        "apiVersion: destination.connectivity.api.sap/v1\nkind: Destination\n",
        "- 1\n",
        "x: !!python/name:os.system\n",
    ],
)
def test_a_file_that_is_none_is_told_by_its_name(text: str, tmp_path: Path, server: ScriptedServer) -> None:
    folder = written(tmp_path, sample("BasicAuthentication", port=server.port, **REQUIRED), resources=text)
    with RunningRelay(destinations=folder) as relay:
        assert "resources.yaml" in relay.heard.text


@pytest.mark.parametrize(
    "more",
    [
        {"tokenServiceURL": "token.test/oauth/token"},
        {"tokenServiceURL": "https://token.test:99999/oauth/token"},
        {"tokenServiceURL": "https://tok en.test/oauth/token"},
        {"tokenServiceURL.headers.X-Key": "header-canary\n"},
        {"tokenService.body.assertion": "body-canary\ud800"},
    ],
)
def test_a_token_request_that_can_not_be_made_is_told_at_mail_without_its_secrets(
    more: dict[str, str], tmp_path: Path, bearer_server: ScriptedServer
) -> None:
    destination = sample("OAuth2ClientCredentials", port=bearer_server.port) | more
    with RunningRelay(destinations=written(tmp_path, destination)) as relay, Talk(relay.port) as client:
        answer = client.say("MAIL FROM:<a@x.test>")
        assert answer.startswith(("454 4.7.0 ", "454-4.7.0 "))
        assert "URL" in answer or "token request could not be made" in answer
        assert "canary" not in answer + relay.heard.text


def test_a_login_at_the_token_service_may_have_letters_of_any_alphabet(
    tmp_path: Path, bearer_server: ScriptedServer
) -> None:
    more = {"tokenServiceUser": "jürgen", "tokenServicePassword": "pass-€-жук"}
    with TokenServer() as tokens:
        destination = sample("OAuth2ClientCredentials", port=bearer_server.port, token_url=tokens.url, **more)
        with RunningRelay(destinations=written(tmp_path, destination)) as relay, Talk(relay.port) as client:
            assert client.say("MAIL FROM:<a@x.test>").startswith("250")
        (asked,) = tokens.asked
    assert asked.login == "jürgen:pass-€-жук"


def test_a_token_service_that_repeats_the_requests_login_does_not_show_it(
    tmp_path: Path, bearer_server: ScriptedServer
) -> None:
    login = base64.b64encode(b"client:client-canary").decode()
    refusal = {"error": "invalid_client", "error_description": f"unknown login Basic {login}"}
    with TokenServer(refusal) as tokens:
        more = {"tokenService.addClientCredentialsInBody": "false"}
        destination = sample("OAuth2ClientCredentials", port=bearer_server.port, token_url=tokens.url, **more)
        with RunningRelay(destinations=written(tmp_path, destination)) as relay, Talk(relay.port) as client:
            answer = client.say("MAIL FROM:<a@x.test>")
            assert "unknown login" in answer
            assert login[:12] not in answer + relay.heard.text


@pytest.mark.parametrize(
    "password", ["*canary", "!canary", "&canary *canary2", "|canary", "canary: x", '"canary']
)
def test_a_password_that_is_no_yaml_does_not_show(
    password: str, tmp_path: Path, server: ScriptedServer
) -> None:
    text = f"Name: other\nType: MAIL\nmail.password: {password}\n"
    folder = written(tmp_path, sample("BasicAuthentication", port=server.port, **REQUIRED), resources=text)
    with RunningRelay(destinations=folder) as relay:
        assert "resources.yaml, line " in relay.heard.text
        assert "canary" not in relay.heard.text


def test_secrets_do_not_show() -> None:
    destination = read(sample("OAuth2ClientCredentials", port=25, tokenServicePassword="canary-2"))
    assert "canary" not in repr(destination)
