"""Actions from Python."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from actions.contract import Context, Report
from delivery.pool import Pool
from delivery.transport import Transport
from doors.python import act as door
from doors.python.act import Results
from host.local.home import HOME_VARIABLE, Home, Homes
from host.local.inputs import InputError
from host.manifest.model import UnknownAction
from tests.support.actions import install

ASSET = {"server": "mail.example.com", "password": "canary"}
REFUSED = {"address": "x@example.com", "status": "refused", "reply": "550 no such user"}


def serve(values: Mapping[str, Any], context: Context, transport: Transport) -> Report:
    """A server that refuses everybody at example.net."""
    context.progress("working")
    good = "example.net" not in values["to"]
    recipients = [{"address": values["to"], "status": "accepted"}] if good else [REFUSED]
    data = {"outcome": "sent" if good else "not sent", "recipients": recipients}
    return Report(good, "Email sent" if good else "refused", [data], {"recipients": 1})


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "data"))
    install(monkeypatch, "send_email", serve)
    install(monkeypatch, "test_connectivity", lambda values, context, transport: Report(True, "connected"))
    return Home()


def act(
    action: str, parameters: Any, asset: Any = ASSET, container_id: str | int = "", **options: Any
) -> Results:
    return door.act(action, parameters, asset, container_id, pool=Pool(), homes=Homes(), **options)


def test_results_are_in_the_order_of_the_parameter_sets() -> None:
    results = act("send email", [{"to": "a@example.com", "body": "x"}, {"to": "b@example.net", "body": "x"}])
    assert (len(results), results.success, results.status) == (2, False, "failed")
    assert [(result.success, result.outcome) for result in results] == [(True, "sent"), (False, "not sent")]
    assert results[0].parameter == {"to": "a@example.com", "body": "x"}
    assert results[0].summary == {"recipients": 1}
    assert results[0].refused == []
    assert results[1].refused == [REFUSED]


def test_one_parameter_set_needs_no_list() -> None:
    results = act("send_email", {"to": "a@example.com", "body": "x"})
    assert (len(results), results.success, results.message) == (1, True, "Email sent")


def test_an_action_that_sends_nothing_has_no_outcome() -> None:
    (result,) = act("test connectivity", {})
    assert (result.success, result.outcome, result.refused) == (True, "", [])


def test_an_asset_may_be_a_stored_one_or_a_file(home: Home, tmp_path: Path) -> None:
    home.assets.add("prod", ASSET)
    (tmp_path / "asset.json").write_text(json.dumps(ASSET))
    for asset in ("prod", tmp_path / "asset.json", str(tmp_path / "asset.json")):
        assert act("send email", {"to": "a@example.com", "body": "x"}, asset).success
    assert [entry.asset for entry in home.runs.list()] == ["", "", "prod"]


def test_a_container_is_named_by_its_number_or_its_text(home: Home) -> None:
    for container in (7, "case-7"):
        act("send email", {"to": "a@example.com", "body": "x"}, container_id=container)
    assert [run.container_id for run in home.runs.list()] == ["case-7", "7"]


def test_progress_goes_to_the_function_that_was_given_and_else_nowhere(
    capfd: pytest.CaptureFixture[str],
) -> None:
    told: list[str] = []
    act("send email", {"to": "a@example.com", "body": "x"}, progress=told.append)
    act("send email", {"to": "a@example.com", "body": "x"})
    assert told == ["working"]
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("action", "parameters", "asset", "error", "said"),
    [
        ("send mail", {}, ASSET, UnknownAction, "Did you mean 'send email'?"),
        ("send email", [], ASSET, InputError, "empty"),
        ("send email", {"to": b"octets"}, ASSET, InputError, "can't be written as JSON"),
        ("send email", {"to": float("nan")}, ASSET, InputError, "can't be written as JSON"),
        ("send email", {}, {"port": 1}, InputError, "The asset that was given is not right: server: missing"),
        ("send email", {}, "nowhere", InputError, "There is no stored asset 'nowhere'"),
    ],
)
def test_a_call_that_cannot_be_begun_raises(
    home: Home, action: str, parameters: Any, asset: Any, error: type[Exception], said: str
) -> None:
    with pytest.raises(error) as caught:
        act(action, parameters, asset)
    assert said in str(caught.value)
    assert "canary" not in str(caught.value)
    assert home.runs.list() == ()
