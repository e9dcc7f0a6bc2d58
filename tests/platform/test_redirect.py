"""The run that waits for a sign-in on the platform, and what it asks the platform for."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

import pytest

import smtp_redirect_handler
from actions.contract import HostError
from auth.settings import Login
from delivery.asset import Asset
from host.soar import redirect as phantom_redirect
from host.soar.context import HostContext
from host.soar.redirect import PlatformRedirect, handler_url
from smtp_redirect_handler import Handover
from tests.support.authority import authority

APP = {"name": "SMTP Connector", "appid": "42f9d1fb-eef5-4da0-a945-d414d8d19f7f"}


class Rest:
    """The platform's REST interface, over TLS with a certificate for another name, as its own is."""

    def __init__(self, answers: dict[str, tuple[int, str]]) -> None:
        self.answers = answers
        self.asked: list[str] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.asked.append(self.path)
                status, body = outer.answers.get(self.path, (404, '{"failed": true}'))
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body.encode())

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        context = authority().wrong_host
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)

    @property
    def base_url(self) -> str:
        return f"https://127.0.0.1:{self._server.server_port}/"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


class Connector:
    """The part of the platform's BaseConnector that is asked."""

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url
        self.saved: list[str] = []
        self.sent: list[str] = []

    def get_phantom_base_url(self) -> str:
        return self.base_url

    def get_app_json(self) -> dict[str, str]:
        return APP

    def get_container_id(self) -> str:
        return ""

    def get_phantom_home(self) -> str:
        return "/nowhere"

    def save_progress(self, text: str, *args: object) -> None:
        self.saved.append(text.format(*args))

    def send_progress(self, text: str, *args: object) -> None:
        self.sent.append(text.format(*args))


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(smtp_redirect_handler, "FOLDER", tmp_path)
    monkeypatch.setattr(phantom_redirect, "_POLL", 0.01)
    return tmp_path


@pytest.fixture
def rest() -> Iterator[Rest]:
    answers = {
        "/rest/system_info": (200, json.dumps({"base_url": "https://soar.example:8443/"})),
        "/rest/asset/7": (200, json.dumps({"name": "our mail {eu}"})),
    }
    with Rest(answers) as rest:
        yield rest


def redirect(connector: Connector, asset_id: str = "7", seconds: float = 5.0) -> PlatformRedirect:
    return PlatformRedirect(connector, asset_id, f"{asset_id}:nonce", seconds)


def test_the_address_is_the_platforms_for_this_app_and_this_asset(
    rest: Rest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    assert handler_url(Connector(rest.base_url), "7") == (
        f"https://soar.example:8443/rest/handler/smtpconnector_{APP['appid']}/our%20mail%20%7Beu%7D"
    )
    assert rest.asked == ["/rest/system_info", "/rest/asset/7"]


def test_the_address_is_told_so_that_it_can_be_registered(rest: Rest) -> None:
    connector = Connector(rest.base_url)
    with redirect(connector) as entered:
        assert connector.saved == [f"The provider has to know this redirect URI: {entered.uri}"]


@pytest.mark.parametrize(
    ("path", "answer", "text"),
    [
        ("/rest/system_info", (200, "{}"), "Set the base URL in its company settings"),
        ("/rest/system_info", (200, '{"base_url": ""}'), "Set the base URL"),
        ("/rest/system_info", (500, "{}"), r"/rest/system_info \(HTTP 500\)"),
        ("/rest/system_info", (200, "[]"), r"/rest/system_info \(HTTP 200\)"),
        ("/rest/system_info", (200, "<html>"), r"/rest/system_info \(JSONDecodeError\)"),
        ("/rest/asset/7", (404, '{"failed": true}'), r"/rest/asset/7 \(HTTP 404\)"),
        ("/rest/asset/7", (200, '{"name": null}'), "does not know the asset '7'"),
    ],
)
def test_a_platform_that_does_not_say_it_is_an_error_that_does(
    rest: Rest, path: str, answer: tuple[int, str], text: str, folder: Path
) -> None:
    rest.answers[path] = answer
    with pytest.raises(HostError, match=text), redirect(Connector(rest.base_url)):
        pass
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/", "https://127.0.0.1:1/", "https://[/", ""])
def test_a_platform_that_can_not_be_asked_is_an_error(url: str) -> None:
    with pytest.raises(HostError, match="did not answer its app"):
        handler_url(Connector(url), "7")


def test_another_machine_has_to_prove_who_it_is(rest: Rest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(phantom_redirect, "is_loopback", lambda _host: False)
    with pytest.raises(HostError, match=r"\(SSLCertVerificationError\)"):
        handler_url(Connector(rest.base_url), "7")


@pytest.mark.parametrize("asset_id", ["", "../7", "a b"])
def test_an_asset_whose_id_could_name_another_file_can_not_sign_in(rest: Rest, asset_id: str) -> None:
    with (
        pytest.raises(HostError, match="made of letters and digits"),
        redirect(Connector(rest.base_url), asset_id),
    ):
        pass


def test_a_folder_that_can_not_be_written_to_is_an_error(rest: Rest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smtp_redirect_handler, "FOLDER", Path("/nowhere"))
    with (
        pytest.raises(HostError, match="own folder can't be written to: No such file"),
        redirect(Connector(rest.base_url)),
    ):
        pass


def test_the_run_gets_what_the_browser_brought_and_leaves_nothing_behind(rest: Rest, folder: Path) -> None:
    with redirect(Connector(rest.base_url)) as entered:
        threading.Timer(0.1, Handover("7").give, ("7:nonce", "state=7:nonce&code=c")).start()
        assert entered.wait(lambda: False) == "state=7:nonce&code=c"
    assert list(folder.iterdir()) == []


def test_the_wait_ends_with_its_time_and_says_how_long_it_goes_on(
    rest: Rest, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(phantom_redirect, "_TELL_EVERY", 0.05)
    connector = Connector(rest.base_url)
    with redirect(connector, seconds=0.3) as entered:
        assert entered.wait(lambda: False) is None
    assert connector.sent[0] == "Waiting for the sign-in, for 0 s yet."
    assert list(folder.iterdir()) == []


def test_the_wait_ends_when_the_run_is_cancelled(rest: Rest, folder: Path) -> None:
    cancelled = threading.Event()
    threading.Timer(0.1, cancelled.set).start()
    with redirect(Connector(rest.base_url), seconds=60) as entered:
        assert entered.wait(cancelled.is_set) is None
    assert list(folder.iterdir()) == []


def test_the_platforms_context_gives_its_redirect(rest: Rest) -> None:
    asset = Asset(Login(id="7", server="h", port=25), ssl_config="None")
    make: Any = HostContext(Connector(rest.base_url), asset).redirect
    with make("7:nonce", 5.0) as entered:
        assert entered.uri.startswith("https://soar.example:8443/rest/handler/smtpconnector_")
        assert Handover("7").give("7:nonce", "code=c")
