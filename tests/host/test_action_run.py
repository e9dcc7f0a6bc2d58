"""Whatever an action does, each parameter set gets one report, and it tells the truth about sending."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import Any

import pytest

from actions.contract import Context, HostError, Report, VaultError
from auth.settings import Login
from delivery.asset import Asset
from delivery.attempt import Outgoing
from delivery.pool import Pool
from delivery.transport import Transport
from host.action_run import ActionRun
from host.manifest.model import load
from message.draft import Addressing, Defaults, plain_draft
from message.errors import Fault, MessageError
from tests.support.actions import FakeContext, Run, install
from tests.support.scripted import ScriptedServer

MANIFEST = load()
MAIL = {"to": "a@example.com", "body": "x"}
SENT = Report(True, "Email sent", [{"outcome": "sent"}], {"recipients": 1, "accepted": 1, "refused": 0})


def send(values: Mapping[str, Any], context: Context, transport: Transport) -> Report:
    return SENT


def raising(error: BaseException) -> Run:
    def run(values: Mapping[str, Any], context: Context, transport: Transport) -> Report:
        raise error

    return run


@pytest.fixture
def context() -> FakeContext:
    return FakeContext()


def action_run(context: FakeContext, identifier: str = "send_email") -> ActionRun:
    return ActionRun(MANIFEST.action(identifier), context, Pool())


def keys(value: Any, path: str = "action_result.data.*") -> set[str]:
    """The data paths that a result's data has."""
    if not isinstance(value, dict):
        return {path}
    return {found for name, inner in value.items() for found in keys(inner, f"{path}.{name}")}


def test_an_action_gets_its_validated_values_and_its_report_is_passed_on(
    monkeypatch: pytest.MonkeyPatch, context: FakeContext
) -> None:
    seen = []

    def run(values: Mapping[str, Any], context: Context, transport: Transport) -> Report:
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
    assert seen == [{"to": "a@b", "html_body": "x", "should_sanitize_template": False, "thread": False}]


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


def test_an_unexpected_error_shows_no_value_and_says_that_nothing_was_sent_if_that_is_so(
    monkeypatch: pytest.MonkeyPatch, context: FakeContext
) -> None:
    install(monkeypatch, "send_email", raising(RuntimeError("canary")))
    report = action_run(context).one(MAIL)
    assert report.message.startswith(
        "Nothing was sent. It ended because of an unexpected error (RuntimeError at test_action_run.py:"
    )
    assert "please report it" in report.message
    assert "canary" not in repr(report)
    assert "Traceback" not in repr(report)
    assert report.data[0]["outcome"] == "not sent"


def test_an_unexpected_error_after_a_message_was_committed_leaves_it_unknown(
    monkeypatch: pytest.MonkeyPatch, context: FakeContext
) -> None:
    def run(values: Mapping[str, Any], context: Context, transport: Transport) -> Report:
        transport.committed += 1
        raise RuntimeError("canary")

    install(monkeypatch, "send_email", run)
    report = action_run(context).one(MAIL)
    assert report.message.startswith("The action ended because of an unexpected error (RuntimeError at ")
    assert "may have been delivered, and was not retried" in report.message
    assert report.data[0]["outcome"] == "unknown"
    assert report.data[0]["failure"]["step"] == "action"


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
    def run(values: Mapping[str, Any], context: Context, transport: Transport) -> Report:
        import no_such_module  # type: ignore[import-not-found]  # it is missing on purpose

        return Report(True, str(no_such_module))

    install(monkeypatch, "send_email", run)
    report = action_run(context).one(MAIL)
    assert (
        "The Python module no_such_module is missing: install the connector's dependencies." in report.message
    )


def test_an_interruption_ends_that_one_and_the_others_are_not_begun(
    monkeypatch: pytest.MonkeyPatch, context: FakeContext
) -> None:
    install(monkeypatch, "send_email", raising(KeyboardInterrupt()))
    run = action_run(context)
    first, second = run.one(MAIL), run.one(MAIL)
    assert (first.data[0]["outcome"], first.data[0]["failure"]["category"]) == ("not sent", "cancelled")
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
    """What an action prepares goes over one session, and is told in its place."""

    @pytest.fixture
    def server(self) -> Iterator[ScriptedServer]:
        with ScriptedServer() as server:
            yield server

    @pytest.fixture
    def run(self, server: ScriptedServer) -> Iterator[ActionRun]:
        asset = Asset(Login("1", server.host, server.port), "None")
        with closing(action_run(FakeContext(asset=asset))) as run:
            yield run

    @pytest.fixture(autouse=True)
    def prepared(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """An action whose bodies that begin with "bad" can't be sent, and "worse" ones break it."""

        def prepare(values: Mapping[str, Any], context: Context) -> Outgoing:
            body = values["body"]
            if body.startswith("bad"):
                raise MessageError([Fault("body", body)])
            if body.startswith("worse"):
                raise ZeroDivisionError
            outgoing = plain_draft(
                Addressing(to="a@example.com", sender="b@example.com"), body, (), Defaults()
            )
            return Breaking(outgoing) if body.startswith("break") else outgoing

        install(monkeypatch, "send_email", prepare=prepare)

    def told(self, run: ActionRun, *texts: str) -> list[str]:
        sets = [{"to": "a@example.com", "body": text} for text in texts]
        return [report.message for report in run.every(sets)]

    def test_each_has_its_report_in_its_place(self, run: ActionRun, server: ScriptedServer) -> None:
        told = self.told(run, "bad 1", "2", "bad 3", "bad 4", "5", "bad 6")
        sent = "Email sent"
        bad = [f"Nothing was sent: body: bad {n}" for n in (1, 3, 4, 6)]
        assert told == [bad[0], sent, bad[1], bad[2], sent, bad[3]]
        assert server.log.connections == 1

    def test_an_unexpected_error_ends_what_was_under_way_and_the_rest_goes_on(
        self, run: ActionRun, server: ScriptedServer
    ) -> None:
        told = self.told(run, "1", "bad 2", "break 3", "4")
        run.close()
        server.wait_until_served()
        assert told[1] == "Nothing was sent: body: bad 2"
        assert told[2].startswith(
            "Nothing was sent. It ended because of an unexpected error (ZeroDivisionError"
        )
        assert told[3] == "Email sent"
        arrived = len(server.log.accepted)
        assert told.count("Email sent") <= arrived
        assert arrived <= told.count("Email sent") + sum("may have been delivered" in text for text in told)

    def test_an_error_of_a_preparation_means_that_nothing_was_sent(self, run: ActionRun) -> None:
        told = self.told(run, "worse 1", "2")
        assert told[0].startswith(
            "Nothing was sent. It ended because of an unexpected error (ZeroDivisionError"
        )
        assert told[1] == "Email sent"


class Breaking:
    """A message that nobody can compose, for a reason that nobody foresaw."""

    def __init__(self, outgoing: Outgoing) -> None:
        self.sender = outgoing.sender
        self.recipients = outgoing.recipients

    def compose(self, *, eight_bit: bool, smtputf8: bool) -> Any:
        raise ZeroDivisionError
