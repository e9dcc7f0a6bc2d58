"""`SmtpConnector` on the embedded host: the platform's JSON in, SOAR's result out."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from actions.contract import Context, Report
from delivery.transport import Transport
from host.manifest.model import PATH
from smtp_connector import SmtpConnector
from tests.support.actions import install
from tests.support.scripted import ScriptedServer

MAIL = {"to": "a@example.com", "body": "x"}


class Watched(SmtpConnector):
    """The connector with its progress texts kept."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.show_progress = self.texts.append


@pytest.fixture
def connector() -> Watched:
    return Watched()


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMTP_CONNECTOR_HOME", str(tmp_path / "home"))


def sent(values: Mapping[str, Any], context: Context, transport: Transport) -> Report:
    return Report(True, "Email sent", [{"outcome": "sent"}], {"recipients": 1, "accepted": 1, "refused": 0})


def handled(connector: SmtpConnector, *parameters: Mapping[str, Any], **keys: Any) -> dict[str, Any]:
    request = {
        "identifier": "send_email",
        "config": {"server": "h"},
        "parameters": parameters or [MAIL],
        **keys,
    }
    result: dict[str, Any] = json.loads(connector._handle_action(json.dumps(request), None))
    return result


def test_an_action_is_found_by_its_identifier(monkeypatch: pytest.MonkeyPatch, connector: Watched) -> None:
    install(monkeypatch, "send_email", sent)
    result = handled(connector)
    assert (result["status"], result["message"]) == ("success", "Email sent")
    assert result["result_data"] == [
        {
            "data": [{"outcome": "sent"}],
            "status": "success",
            "message": "Email sent",
            "parameter": MAIL,
            "summary": {"recipients": 1, "accepted": 1, "refused": 0},
        }
    ]
    assert connector.configuration_error == ""


def test_bad_asset_fields_are_named_at_once_and_nothing_is_run(
    monkeypatch: pytest.MonkeyPatch, connector: Watched
) -> None:
    install(monkeypatch, "send_email", sent)
    result = handled(connector, config={"port": 0, "password": ["canary"]})
    assert result["status"] == "failed"
    assert result["result_data"] == []
    assert result["message"] == f"Nothing was sent. {connector.configuration_error}"
    for fault in (
        "server: missing",
        "port: 0 is not allowed",
        "password: the value (not shown) is not allowed",
    ):
        assert fault in result["message"]
    assert "canary" not in json.dumps(result)


def test_an_unknown_action_is_named_with_those_that_there_are(connector: Watched) -> None:
    result = handled(connector, identifier="send_mail")
    assert "There is no action 'send_mail'. Did you mean 'send email'?" in result["message"]
    assert connector.configuration_error


def test_a_misspelt_asset_field_is_a_warning(monkeypatch: pytest.MonkeyPatch, connector: Watched) -> None:
    install(monkeypatch, "send_email", sent)
    config = {"server": "h", "user_name": "u", "app_version": "1.0.0", "directory": "d", "main_module": "m"}
    assert handled(connector, config=config)["status"] == "success"
    (text,) = connector.texts
    assert text.startswith("Ignored in the asset: 'user_name': no such asset field; did you mean username?")


def test_braces_of_a_server_survive_in_messages_and_progress(
    monkeypatch: pytest.MonkeyPatch, connector: Watched
) -> None:
    def run(values: Mapping[str, Any], context: Context, transport: Transport) -> Report:
        context.progress("550 {0} {{x}} {")
        return Report(False, "550 {0} {{x}} {")

    install(monkeypatch, "send_email", run)
    assert handled(connector)["result_data"][0]["message"] == "550 {0} {{x}} {"
    assert connector.texts == ["550 {0} {{x}} {"]


def test_all_parameter_sets_share_a_session_and_it_is_ended(
    monkeypatch: pytest.MonkeyPatch, connector: Watched
) -> None:
    def run(values: Mapping[str, Any], context: Context, transport: Transport) -> Report:
        transport.open_session().noop()
        return sent(values, context, transport)

    install(monkeypatch, "send_email", run)
    with ScriptedServer() as server:
        config = {"server": server.host, "port": server.port, "ssl_config": "None"}
        handled(connector, {**MAIL, "subject": "1"}, {}, {**MAIL, "subject": "2"}, config=config)
        server.wait_until_served()
    assert server.log.connections == 1
    assert server.log.verbs(1) == ["EHLO", "NOOP", "NOOP", "QUIT"]


def test_a_set_that_fails_is_reported_and_the_next_goes_on(
    monkeypatch: pytest.MonkeyPatch, connector: Watched
) -> None:
    install(monkeypatch, "send_email", sent)
    result = handled(connector, MAIL, {"to": "a@example.com"}, MAIL)
    assert [one["status"] for one in result["result_data"]] == ["success", "failed", "success"]
    assert result["message"].startswith("2 of 3 succeeded. The first that failed: Nothing was sent. body:")


def test_cancelling_stops_the_sets_that_are_left(monkeypatch: pytest.MonkeyPatch, connector: Watched) -> None:
    def run(values: Mapping[str, Any], context: Context, transport: Transport) -> Report:
        os.kill(os.getpid(), signal.SIGTERM)
        assert context.is_cancelled()
        return sent(values, context, transport)

    install(monkeypatch, "send_email", run)
    first, second = handled(connector, MAIL, MAIL)["result_data"]
    assert first["status"] == "success"
    assert second["message"] == "Nothing was sent. It was cancelled before it began."
    assert second["data"][0]["outcome"] == "not sent"


def test_an_action_sees_the_vault_and_the_state_of_the_data_folder(
    monkeypatch: pytest.MonkeyPatch, connector: Watched, tmp_path: Path
) -> None:
    from host.local.home import Home

    (tmp_path / "note.txt").write_text("hello")
    added = Home().vault.add(tmp_path / "note.txt", "42")

    def run(values: Mapping[str, Any], context: Context, transport: Transport) -> Report:
        with context.state.lock():
            context.state.save({**context.state.load(), "seen": context.container_id})
        found = context.vault.find(added.vault_id)
        return Report(True, f"{found.name} {found.path.read_text()}")

    install(monkeypatch, "send_email", run)
    assert handled(connector, container_id=42, asset_id="7")["message"] == "note.txt hello"
    assert Home().state("7").load() == {"seen": "42"}


def test_hosts_that_initialize_before_every_set_get_one_run_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Again(Watched):
        def handle_action(self, param: dict[str, Any]) -> bool:
            return self.initialize() and super().handle_action(param)

    transports: list[Transport] = []

    def run(values: Mapping[str, Any], context: Context, transport: Transport) -> Report:
        transports.append(transport)
        return sent(values, context, transport)

    install(monkeypatch, "send_email", run)
    handled(Again(), MAIL, MAIL)
    assert len(transports) == 2
    assert transports[0] is transports[1]


def test_hosts_that_go_on_after_a_failed_initialize_get_its_reason_as_the_result() -> None:
    class GoingOn(Watched):
        def initialize(self) -> bool:
            return super().initialize() or True

    (result,) = handled(GoingOn(), config={})["result_data"]
    assert (result["status"], result["message"]) == (
        "failed",
        "Nothing was sent. server: missing, and it is required",
    )


def test_a_connector_can_run_twice(monkeypatch: pytest.MonkeyPatch, connector: Watched) -> None:
    install(monkeypatch, "send_email", sent)
    assert handled(connector, config={})["status"] == "failed"
    assert handled(connector)["result_summary"] == {"total_objects": 1, "total_objects_successful": 1}
    assert handled(connector, identifier="send_rawemail")["result_data"][0]["status"] == "failed"


def test_a_mistake_of_ours_is_a_failed_result_without_its_text(
    monkeypatch: pytest.MonkeyPatch, connector: Watched
) -> None:
    def broken(*_args: object) -> None:
        raise RuntimeError("canary")

    monkeypatch.setattr("smtp_connector.parse_asset", broken)
    result = handled(connector)
    assert (result["status"], result["result_data"]) == ("failed", [])
    assert result["message"] == (
        "The connector failed unexpectedly (RuntimeError). "
        "This is a mistake in the connector: please report it with this message."
    )


def test_our_rooms_win_over_modules_of_the_same_name(tmp_path: Path) -> None:
    for name in ("auth", "delivery", "message", "smtp", "host", "actions"):
        (tmp_path / f"{name}.py").write_text("raise ImportError('the wrong one')")
    program = "import smtp_connector, smtp.errors, message, auth, actions; print(smtp_connector.SmtpConnector.__name__)"
    # as on the platform: its folders first, the app's after them
    path = os.pathsep.join([str(tmp_path), str(PATH.parent)])
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "SmtpConnector\n"
