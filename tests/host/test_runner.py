"""Whatever an action does, each parameter set gets one report, and it tells the truth about sending."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import ModuleType
from typing import Any

import pytest

from actions.contract import ActionError, Context, HostError, Report, VaultError
from host.action_run import ActionRun
from host.manifest.model import load
from tests.support.actions import FakeContext, Run, install

MANIFEST = load()
MAIL = {"to": "a@example.com", "body": "x"}
SENT = Report(True, "Email sent", [{"outcome": "sent"}], {"recipients": 1, "accepted": 1, "refused": 0})


def send(values: Mapping[str, Any], context: Context) -> Report:
    return SENT


def raising(error: BaseException) -> Run:
    def run(values: Mapping[str, Any], context: Context) -> Report:
        raise error

    return run


@pytest.fixture
def context() -> FakeContext:
    return FakeContext()


def action_run(context: FakeContext, identifier: str = "send_email") -> ActionRun:
    return ActionRun(MANIFEST.action(identifier), context)


def keys(value: Any, path: str = "action_result.data.*") -> set[str]:
    """The data paths that a result's data has."""
    if not isinstance(value, dict):
        return {path}
    return {found for name, inner in value.items() for found in keys(inner, f"{path}.{name}")}


def test_an_action_gets_its_validated_values_and_its_report_is_passed_on(
    monkeypatch: pytest.MonkeyPatch, context: FakeContext
) -> None:
    seen = []

    def run(values: Mapping[str, Any], context: Context) -> Report:
        seen.append(dict(values))
        return SENT

    install(monkeypatch, "send_htmlemail", run)
    values: dict[str, Any] = {
        "to": "a@b",
        "html_body": "x",
        "cc": None,
        "should_sanitize_template": "False",
        "context": {},
    }
    assert action_run(context, "send_htmlemail").one(values) is SENT
    assert seen == [{"to": "a@b", "html_body": "x", "should_sanitize_template": False}]


def test_bad_parameters_are_reported_and_the_action_is_not_asked(
    monkeypatch: pytest.MonkeyPatch, context: FakeContext
) -> None:
    install(monkeypatch, "send_email", raising(AssertionError()))
    report = action_run(context).one({"to": "", "body": "x", "subjct": "y"})
    assert not report.success
    assert report.message.startswith(
        "Nothing was sent. to: missing, and it is required; "
        "'subjct': no such parameter; did you mean subject?"
    )
    assert report.summary == {"recipients": 0, "accepted": 0, "refused": 0}
    (data,) = report.data
    assert data["outcome"] == "not sent"
    assert data["failure"] == {
        "step": "parameters",
        "code": None,
        "enhanced_code": "",
        "reply": "",
        "category": "input",
        "retryable": False,
        "retry_after": None,
        "hint": "Correct the parameters named in the message.",
    }


def test_a_failure_has_every_data_path_of_the_manifest(
    monkeypatch: pytest.MonkeyPatch, context: FakeContext
) -> None:
    install(monkeypatch, "send_email", send)
    (data,) = action_run(context).one({}).data
    declared = {
        output.data_path.split(".*.")[0] + ".*." + output.data_path.split(".*.")[1].removesuffix(".*")
        for output in MANIFEST.action("send_email").output
        if output.data_path.startswith("action_result.data.*")
    }
    assert keys(data) == declared


def test_the_report_of_an_action_error_is_the_result(
    monkeypatch: pytest.MonkeyPatch, context: FakeContext
) -> None:
    report = Report(False, "to: 'x' is no address", [{"outcome": "not sent"}])
    install(monkeypatch, "send_email", raising(ActionError(report)))
    assert action_run(context).one(MAIL) is report


@pytest.mark.parametrize(
    ("error", "step"),
    [(VaultError("abc: the vault has no such file"), "vault"), (HostError("The disk is full."), "host")],
)
def test_what_the_host_can_not_do_is_said_and_nothing_was_sent(
    monkeypatch: pytest.MonkeyPatch, context: FakeContext, error: Exception, step: str
) -> None:
    install(monkeypatch, "send_email", raising(error))
    report = action_run(context).one(MAIL)
    assert report.message == f"Nothing was sent. {error}"
    assert report.data[0]["outcome"] == "not sent"
    assert report.data[0]["failure"]["step"] == step


def test_an_unexpected_error_leaves_the_outcome_unknown_and_shows_no_value(
    monkeypatch: pytest.MonkeyPatch, context: FakeContext
) -> None:
    install(monkeypatch, "send_email", raising(RuntimeError("canary")))
    report = action_run(context).one(MAIL)
    assert report.message.startswith(
        "The action ended because of an unexpected error (RuntimeError at test_runner.py:"
    )
    assert "may have been delivered, and was not retried" in report.message
    assert "please report it" in report.message
    assert "canary" not in repr(report)
    assert "Traceback" not in repr(report)
    assert report.data[0]["outcome"] == "unknown"


def test_an_unexpected_error_before_the_action_began_means_that_nothing_was_sent(
    monkeypatch: pytest.MonkeyPatch, context: FakeContext
) -> None:
    class Unreadable:
        @staticmethod
        def parse(values: Mapping[str, Any]) -> None:
            raise ZeroDivisionError

    install(monkeypatch, "send_email", send, Unreadable)
    report = action_run(context).one(MAIL)
    assert "Nothing was sent." in report.message
    assert report.data[0]["outcome"] == "not sent"


def test_a_missing_dependency_is_named(monkeypatch: pytest.MonkeyPatch, context: FakeContext) -> None:
    def run(values: Mapping[str, Any], context: Context) -> Report:
        import no_such_module  # type: ignore[import-not-found]  # it is missing on purpose

        return Report(True, str(no_such_module))

    install(monkeypatch, "send_email", run)
    report = action_run(context).one(MAIL)
    assert (
        "The Python module no_such_module is missing: install the connector's dependencies." in report.message
    )


def test_an_interruption_leaves_that_one_unknown_and_the_others_not_sent(
    monkeypatch: pytest.MonkeyPatch, context: FakeContext
) -> None:
    install(monkeypatch, "send_email", raising(KeyboardInterrupt()))
    run = action_run(context)
    first, second = run.one(MAIL), run.one(MAIL)
    assert (first.data[0]["outcome"], first.data[0]["failure"]["category"]) == ("unknown", "cancelled")
    assert (second.data[0]["outcome"], second.data[0]["failure"]["category"]) == ("not sent", "cancelled")
    assert second.message == "Nothing was sent. It was cancelled before it began."


def test_one_set_that_fails_does_not_stop_the_next(
    monkeypatch: pytest.MonkeyPatch, context: FakeContext
) -> None:
    install(monkeypatch, "send_email", send)
    run = action_run(context)
    assert [run.one(values).success for values in (MAIL, {}, MAIL)] == [True, False, True]


def test_test_connectivity_fails_without_data(monkeypatch: pytest.MonkeyPatch, context: FakeContext) -> None:
    install(monkeypatch, "test_connectivity", raising(HostError("The disk is full.")))
    report = action_run(context, "test_connectivity").one({})
    assert (report.success, report.data, report.summary) == (False, [], {})
    assert report.message == "Nothing was sent. The disk is full."


class TestEvery:
    """What the action can prepare is sent several at a time."""

    @pytest.fixture
    def prepared(self, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
        """An action that prepares its texts; those that begin with "bad" can't be."""

        def prepare(values: Mapping[str, Any], context: Context) -> str:
            if values["body"].startswith("bad"):
                raise ActionError(Report(False, values["body"]))
            return str(values["body"])

        install(monkeypatch, "send_email", send)
        module = sys.modules["actions.send_email"]
        vars(module)["prepare"] = prepare
        return module

    def reports(
        self,
        monkeypatch: pytest.MonkeyPatch,
        send_many: Callable[[Context, Iterable[str]], Iterator[Report]],
        *texts: str,
    ) -> list[str]:
        monkeypatch.setattr("actions.send.send_many", send_many)
        sets = [{"to": "a@example.com", "body": text} for text in texts]
        return [report.message for report in action_run(FakeContext()).every(sets)]

    @pytest.mark.usefixtures("prepared")
    def test_each_has_its_report_in_its_place(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def send_many(context: Context, texts: Iterable[str]) -> Iterator[Report]:
            in_flight = list(texts)
            yield from (Report(True, f"sent {text}") for text in in_flight)

        told = self.reports(monkeypatch, send_many, "bad 1", "2", "bad 3", "bad 4", "5", "bad 6")
        assert told == ["bad 1", "sent 2", "bad 3", "bad 4", "sent 5", "bad 6"]

    @pytest.mark.usefixtures("prepared")
    def test_an_unexpected_error_leaves_unknown_what_was_under_way_and_the_rest_goes_on(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def send_many(context: Context, texts: Iterable[str]) -> Iterator[Report]:
            waiting = iter(texts)
            first, *_ = (next(waiting) for _ in range(3))
            yield Report(True, f"sent {first}")
            raise ZeroDivisionError

        told = self.reports(monkeypatch, send_many, "1", "2", "bad 3", "4", "5", "bad 6")
        assert (told[0], told[2], told[4]) == ("sent 1", "bad 3", SENT.message)
        assert all("may have been delivered, and was not retried" in text for text in (told[1], told[3]))
        assert len(told) == 6

    def test_an_error_of_a_preparation_means_that_nothing_was_sent(
        self, monkeypatch: pytest.MonkeyPatch, prepared: ModuleType
    ) -> None:
        def prepare(values: Mapping[str, Any], context: Context) -> str:
            raise ZeroDivisionError

        monkeypatch.setattr(prepared, "prepare", prepare)
        told = self.reports(monkeypatch, lambda _context, texts: (SENT for _ in texts), "1")
        assert told[0].startswith("Nothing was sent. It ended because of an unexpected error")

    def test_an_action_that_only_runs_is_run_for_each(
        self, monkeypatch: pytest.MonkeyPatch, context: FakeContext
    ) -> None:
        install(monkeypatch, "send_email", send)
        reports = list(action_run(context).every([MAIL, {}, MAIL]))
        assert [report.success for report in reports] == [True, False, True]


class TestOnce:
    def test_every_parameter_set_gets_the_same(
        self, monkeypatch: pytest.MonkeyPatch, context: FakeContext
    ) -> None:
        sessions: list[object] = []

        def run(values: Mapping[str, Any], context: Context) -> Report:
            sessions.append(context.once(lambda: object(), lambda session: None))
            return SENT

        install(monkeypatch, "send_email", run)
        run_of_two = action_run(context)
        run_of_two.one(MAIL)
        run_of_two.one(MAIL)
        assert sessions[0] is sessions[1]

    def test_it_is_made_again_when_making_it_failed(self, context: FakeContext) -> None:
        attempts = iter([ConnectionError, None])

        def connect() -> str:
            if error := next(attempts):
                raise error
            return "session"

        with pytest.raises(ConnectionError):
            context.once(connect, lambda session: None)
        assert context.once(connect, lambda session: None) == "session"

    def test_closing_goes_backwards_and_survives_errors(self, context: FakeContext) -> None:
        closed: list[str] = []

        def close_badly(name: str) -> None:
            closed.append(name)
            raise ConnectionResetError

        context.once(lambda: "first", closed.append)
        context.once(lambda: "second", close_badly)
        run = action_run(context)
        run.close()
        run.close()
        assert closed == ["second", "first"]
