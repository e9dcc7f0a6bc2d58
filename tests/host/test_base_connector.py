"""The embedded host runs an app as the platform does."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from typing import Any

import pytest

from host.local.action_result import ActionResult
from host.local.base_connector import BaseConnector

MAILS = [{"n": 1}, {"n": 2}, {"n": 3}]


class App(BaseConnector):
    """Notes what is called; fails the sets whose numbers it is told."""

    def __init__(self, failing: tuple[int, ...] = ()) -> None:
        super().__init__()
        self.calls: list[Any] = []
        self.texts: list[str] = []
        self.show_progress = self.texts.append
        self._failing = failing

    def initialize(self) -> bool:
        self.calls.append("initialize")
        return True

    def handle_action(self, param: dict[str, Any]) -> bool:
        self.calls.append(param["n"])
        result = self.add_action_result(ActionResult(dict(param)))
        result.add_data({"n": param["n"]})
        result.update_summary({"n": param["n"]})
        failed = param["n"] in self._failing
        return result.set_status(not failed, f"no {param['n']}" if failed else "Email sent")

    def finalize(self) -> bool:
        self.calls.append("finalize")
        return True

    def handle_cancel(self) -> None:
        self.calls.append("cancel")


def handled(app: BaseConnector, parameters: object = None, **keys: Any) -> dict[str, Any]:
    request = {
        "identifier": "send_email",
        "config": {"server": "h"},
        "parameters": parameters or MAILS,
        **keys,
    }
    result: dict[str, Any] = json.loads(app._handle_action(json.dumps(request), None))
    return result


def test_initialize_and_finalize_are_called_once_around_all_parameter_sets() -> None:
    app = App()
    handled(app)
    assert app.calls == ["initialize", 1, 2, 3, "finalize"]


def test_the_result_has_the_shape_of_soar() -> None:
    assert handled(App(), [{"n": 1, "context": {}}]) == {
        "identifier": "send_email",
        "status": "success",
        "message": "Email sent",
        "result_data": [
            {
                "data": [{"n": 1}],
                "status": "success",
                "message": "Email sent",
                "parameter": {"n": 1, "context": {}},
                "summary": {"n": 1},
            }
        ],
        "result_summary": {"total_objects": 1, "total_objects_successful": 1},
    }


@pytest.mark.parametrize(
    ("failing", "status", "message"),
    [
        ((), "success", "3 of 3 succeeded"),
        ((2,), "failed", "2 of 3 succeeded. The first that failed: no 2"),
        ((1, 2, 3), "failed", "0 of 3 succeeded. The first that failed: no 1"),
    ],
)
def test_several_sets_are_summed_up(failing: tuple[int, ...], status: str, message: str) -> None:
    result = handled(App(failing))
    assert (result["status"], result["message"]) == (status, message)
    assert result["result_summary"] == {"total_objects": 3, "total_objects_successful": 3 - len(failing)}


def test_no_parameter_set_is_one_empty_set() -> None:
    class Test(App):
        def handle_action(self, param: dict[str, Any]) -> bool:
            return self.add_action_result(ActionResult(param)).set_status(True, "Passed")

    app = Test()
    request = json.dumps({"identifier": "test_connectivity", "config": {}, "parameters": []})
    assert json.loads(app._handle_action(request, None))["result_data"][0]["parameter"] == {}


def test_each_result_is_shown_when_it_is_complete() -> None:
    app, shown = App((2,)), []
    app.show_result = lambda result: shown.append((result.get_status(), len(app.calls)))
    handled(app)
    assert shown == [(True, 2), (False, 3), (True, 4)]


def test_nothing_runs_when_initialize_says_no() -> None:
    class Refusing(App):
        def initialize(self) -> bool:
            return self.set_status(False, "port: 0 is not allowed")

    app = Refusing()
    result = handled(app)
    assert (result["status"], result["message"], result["result_data"]) == (
        "failed",
        "port: 0 is not allowed",
        [],
    )
    assert app.calls == ["finalize"]


def test_an_exception_of_the_app_is_a_failed_result_without_its_text() -> None:
    class Failing(App):
        def handle_action(self, param: dict[str, Any]) -> bool:
            raise RuntimeError("canary")

    app = Failing()
    result = handled(app)
    assert result["status"] == "failed"
    assert result["message"] == "The action ended because of an unexpected RuntimeError."
    assert app.calls[-1] == "finalize"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "The input is not JSON that can be read: Expecting property name"),
        ("[" * 100_000, "The input is JSON that is nested too deeply."),
        ('{"parameters": [NaN]}', "The input is not JSON that can be read: NaN is no JSON value."),
        ("[]", "The input is not a JSON object with a config object."),
        ('{"config": [1], "parameters": []}', "The input is not a JSON object with a config object."),
        ('{"config": {}}', "The input's parameters are not a list of JSON objects."),
        ('{"config": {}, "parameters": [5]}', "The input's parameters are not a list of JSON objects."),
    ],
)
def test_input_that_is_not_the_platforms_is_a_failed_result(text: str, message: str) -> None:
    app = App()
    result = json.loads(app._handle_action(text, None))
    assert result["status"] == "failed"
    assert result["message"].startswith(message)
    assert result["result_data"] == []
    assert app.calls == []


def test_progress_and_messages_are_formatted_like_on_the_platform() -> None:
    app = App()
    app.save_progress("{} of {total}: {{}}", 1, total=2)
    assert app.texts == ["1 of 2: {}"]
    result = ActionResult()
    result.set_status(False, "550 {{no}}", ValueError("such user"))
    assert result.get_message() == "550 {no} ValueError: such user"
    with pytest.raises(KeyError):
        result.set_status(False, "550 {no}")


def test_progress_goes_to_standard_error_and_nothing_to_standard_output(
    capsys: pytest.CaptureFixture[str],
) -> None:
    BaseConnector().save_progress("Connected")
    assert capsys.readouterr() == ("", "Connected\n")


def test_environment_variables_hold_during_the_run_and_are_put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://before")
    monkeypatch.delenv("NO_PROXY", raising=False)
    seen = []

    class Looking(App):
        def initialize(self) -> bool:
            seen.append((os.environ["HTTPS_PROXY"], os.environ["NO_PROXY"]))
            return True

    variables = {"HTTPS_PROXY": {"type": "string", "value": "http://during"}, "NO_PROXY": "localhost"}
    handled(Looking(), environment_variables=variables)
    assert seen == [("http://during", "localhost")]
    assert os.environ["HTTPS_PROXY"] == "http://before"
    assert "NO_PROXY" not in os.environ


def test_an_environment_variable_that_can_not_be_is_a_failed_result() -> None:
    result = handled(App(), environment_variables={"GOOD": "1", "BAD": "\0"})
    assert result["message"] == "The action ended because of an unexpected ValueError."
    assert "GOOD" not in os.environ


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_cancels_the_run_and_the_handlers_are_put_back(number: signal.Signals) -> None:
    class Stopped(App):
        def handle_action(self, param: dict[str, Any]) -> bool:
            if param["n"] == 1:
                os.kill(os.getpid(), number)
            result = self.add_action_result(ActionResult(param))
            return result.set_status(not self.is_action_cancelled(), "Email sent")

    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
    app = Stopped()
    assert handled(app)["result_summary"] == {"total_objects": 3, "total_objects_successful": 0}
    assert app.calls == ["initialize", "cancel", "finalize"]
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)] == before


def test_a_second_interrupt_ends_it_with_what_is_known() -> None:
    class Stubborn(App):
        def handle_action(self, param: dict[str, Any]) -> bool:
            super().handle_action(param)
            if param["n"] == 2:
                os.kill(os.getpid(), signal.SIGINT)
                os.kill(os.getpid(), signal.SIGINT)
            return True

    result = handled(Stubborn())
    assert (result["status"], result["message"]) == ("failed", "The run was interrupted.")
    assert result["result_summary"]["total_objects_successful"] == 2


def test_a_run_in_another_thread_leaves_the_signals_alone() -> None:
    results: list[dict[str, Any]] = []
    thread = threading.Thread(target=lambda: results.append(handled(App())))
    thread.start()
    thread.join()
    assert results[0]["status"] == "success"


def test_an_asset_without_an_id_gets_one_from_what_its_tokens_belong_to() -> None:
    def asset_id(**keys: Any) -> str:
        app = App()
        handled(app, **keys)
        return app.get_asset_id()

    one = asset_id(config={"server": "h", "username": "u", "password": "a"})
    assert one.isalnum()
    assert one == asset_id(config={"server": "h", "username": "u", "password": "b"})
    assert one != asset_id(config={"server": "h", "username": "v"})
    assert asset_id(asset_id=7) == "7"


@pytest.mark.parametrize(("given", "seen"), [(None, ""), (0, "0"), ("12", "12")])
def test_the_container_is_a_text(given: object, seen: str) -> None:
    app = App()
    handled(app, container_id=given)
    assert app.get_container_id() == seen


def test_a_connector_is_light_to_import() -> None:
    program = (
        "import sys, host.local.base_connector, host.local.run, host.action_run, host.manifest.validation;"
        "print([m for m in ('jsonschema', 'sqlalchemy', 'cryptography', 'requests', 'rich') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
