"""Many parameter sets in one run: several messages are under way at once, and each gets its own truth, in its place."""

from __future__ import annotations

import json
from collections import Counter
from email import message_from_bytes

import pytest

from smtp.envelope import Address
from smtp.errors import ConnectionLost
from smtp.errors import Step as SmtpStep
from smtp.outcome import Delivery, RecipientDelivery, Status, not_sent
from smtp_connector import SmtpConnector
from tests.support.running import Run, Runner
from tests.support.running import asset as any_asset
from tests.support.scripted import Fault, Kind, ScriptedServer, Settings, Step

COUNT = 30
RECIPIENT = Address("r", "example.com")
SENT = Delivery((RecipientDelivery(RECIPIENT, Status.ACCEPTED, None, False),))
CLOSED = not_sent((RECIPIENT,), ConnectionLost("the server closed the connection", step=SmtpStep.MAIL))


def asset(server: ScriptedServer, **fields: object) -> dict[str, object]:
    """One connection only."""
    return any_asset(server, **{"max_connections": 1, **fields})


def mails(count: int = COUNT) -> list[dict[str, str]]:
    return [
        {"to": f"r{number}@example.com", "subject": str(number), "body": "Hello"} for number in range(count)
    ]


def outcomes(run: Run) -> list[str]:
    return [str(result["data"][0]["outcome"]) for result in run.results]


def accepted(server: ScriptedServer) -> list[str]:
    """The subjects of what the server took, in its order."""
    return [str(message_from_bytes(message.content)["Subject"]) for message in server.log.accepted]


def assert_told_the_truth(run: Run, server: ScriptedServer) -> None:
    took = Counter(accepted(server))
    assert [result["parameter"] for result in run.results] == mails(len(run.results))
    assert not [subject for subject, count in took.items() if count > 1]
    for number, outcome in enumerate(outcomes(run)):
        assert outcome == "unknown" or (outcome == "sent") == (took[str(number)] == 1)


@pytest.mark.parametrize(
    "fields",
    [{}, {"window": 20}, {"disable_chunking": True}, {"disable_pipelining": True}],
    ids=["as offered", "a window", "no CHUNKING", "no PIPELINING"],
)
def test_all_are_sent_in_order_over_one_connection(run: Runner, fields: dict[str, bool]) -> None:
    with ScriptedServer() as server:
        done = run("send_email", asset(server, **fields), *mails())
    assert done.succeeded
    assert accepted(server) == [str(number) for number in range(COUNT)]
    assert [result["parameter"] for result in done.results] == mails()
    assert server.log.connections == 1
    assert not server.log.violations
    used = set(server.log.verbs())
    assert ("BDAT" in used) is not fields.get("disable_chunking", False)


@pytest.mark.parametrize("chunking", [True, False], ids=["BDAT", "DATA"])
def test_no_more_than_one_message_waits_for_its_answer(run: Runner, chunking: bool) -> None:
    fault = Fault(Step.END, Kind.SILENCE, nth=4)
    with ScriptedServer(Settings(chunking=chunking, fault=fault, lifetime=1.5)) as server:
        done = run("send_email", asset(server), *mails(10))
    assert outcomes(done)[:4] == ["sent"] * 3 + ["unknown"]
    assert "unknown" not in outcomes(done)[4:]


def test_what_can_not_be_sent_is_told_in_its_place_and_the_others_go(run: Runner) -> None:
    sets = mails(6)
    sets[0] = {"to": "nobody", "body": "x"}
    sets[3] = {"body": "x"}
    sets[5] = {"to": "a@example.com", "body": "x", "attachments": "0" * 40}
    with ScriptedServer() as server:
        done = run("send_email", asset(server), *sets)
    assert [result["status"] for result in done.results] == [
        "failed",
        "success",
        "success",
        "failed",
        "success",
        "failed",
    ]
    assert "'nobody' is not a valid address" in done.results[0]["message"]
    assert "to: missing" in done.results[3]["message"]
    assert "attachments: " in done.results[5]["message"]
    assert accepted(server) == ["1", "2", "4"]


def test_a_refused_message_does_not_touch_those_around_it(run: Runner) -> None:
    with ScriptedServer(Settings(refused={"r4@example.com": "550 5.1.1 no such user"})) as server:
        done = run("send_email", asset(server), *mails(10))
    assert outcomes(done) == ["sent"] * 4 + ["not sent"] + ["sent"] * 5
    assert "550 5.1.1 no such user" in done.results[4]["message"]
    assert_told_the_truth(done, server)


def test_a_server_that_says_how_many_it_takes_is_given_no_more(run: Runner) -> None:
    with ScriptedServer(Settings(limits="MAILMAX=7", max_messages=7)) as server:
        done = run("send_email", asset(server), *mails())
    assert outcomes(done) == ["sent"] * COUNT
    assert server.log.connections == 5
    assert [server.log.verbs(number).count("MAIL") for number in range(1, 6)] == [7, 7, 7, 7, 2]


@pytest.mark.parametrize("most", [1, 4])
def test_a_server_that_says_farewell_after_some_gets_the_rest_over_other_connections(
    run: Runner, most: int
) -> None:
    with ScriptedServer(Settings(max_messages=most)) as server:
        done = run("send_email", asset(server), *mails())
    assert outcomes(done) == ["sent"] * COUNT
    assert_told_the_truth(done, server)


@pytest.mark.parametrize(("chunking", "window"), [(True, 1), (False, 1), (True, 20)])
@pytest.mark.parametrize("kind", [Kind.CLOSE, Kind.RESET, Kind.HALF_LINE, Kind.SHUTDOWN, Kind.GARBAGE])
@pytest.mark.parametrize("step", [Step.MAIL, Step.RCPT, Step.END])
def test_a_lost_connection_leaves_each_message_with_its_own_truth(
    run: Runner, step: Step, kind: Kind, chunking: bool, window: int
) -> None:
    with ScriptedServer(Settings(chunking=chunking, fault=Fault(step, kind, nth=5))) as server:
        done = run("send_email", asset(server, window=window), *mails())
    assert_told_the_truth(done, server)
    if kind is not Kind.RESET:  # it may overtake replies that were on their way
        assert outcomes(done)[:4] == ["sent"] * 4
    assert outcomes(done)[-1] == "sent"
    assert outcomes(done).count("unknown") <= (step is Step.END if window == 1 else window)
    assert not server.log.violations


def test_only_those_that_certainly_were_not_sent_are_tried_again(run: Runner) -> None:
    with ScriptedServer(Settings(chunking=False, fault=Fault(Step.MAIL, Kind.CLOSE, nth=5))) as server:
        done = run("send_email", asset(server), *mails(10))
    assert outcomes(done) == ["sent"] * 10
    assert "The connection takes no more messages; connecting again." in done.progress
    assert server.log.connections == 2


def test_the_first_message_of_a_connection_is_not_tried_again(run: Runner) -> None:
    with ScriptedServer(Settings(fault=Fault(Step.MAIL, Kind.SHUTDOWN))) as server:
        done = run("send_email", asset(server), *mails(10))
    assert outcomes(done) == ["not sent"] + ["sent"] * 9
    assert done.results[0]["data"][0]["failure"]["retryable"] is True


def test_a_server_that_is_gone_is_told_for_each(run: Runner) -> None:
    with ScriptedServer() as server:
        pass
    done = run("send_email", asset(server), *mails(3))
    assert outcomes(done) == ["not sent"] * 3
    assert all(result["data"][0]["failure"]["step"] == "connection" for result in done.results)


def test_a_large_message_waits_for_its_recipients_and_the_others_go_on(run: Runner) -> None:
    sets = mails(6)
    sets[2]["body"] = "A line of some length, many times.\n" * 6000
    sets[2]["to"] = "blocked@example.com"
    with ScriptedServer(Settings(refused={"blocked@example.com": "550 5.7.1 go away"})) as server:
        done = run("send_email", asset(server), *sets)
    assert outcomes(done) == ["sent", "sent", "not sent", "sent", "sent", "sent"]
    assert sum(server.log.octets_read.values()) < len(sets[2]["body"])


def test_a_run_that_is_cancelled_half_way_tells_what_was_sent_and_begins_nothing_more() -> None:
    connector = SmtpConnector()
    progress: list[str] = []
    connector.show_progress = progress.append
    connector.show_result = lambda _result: connector.handle_cancel()
    with ScriptedServer(Settings(delay=0.002)) as server:
        document = {"identifier": "send_email", "config": asset(server), "parameters": mails()}
        done = Run(json.loads(connector._handle_action(json.dumps(document), None)))
    assert_told_the_truth(done, server)
    assert outcomes(done)[0] == "sent"
    last = done.results[-1]["data"][0]
    assert (last["outcome"], last["failure"]["category"]) == ("not sent", "cancelled")
    assert len(server.log.accepted) < COUNT
    assert progress.count(f"Connecting to {server.host}:{server.port}.") == 1


def test_of_a_mail_in_parts_the_one_that_is_in_doubt_is_named(run: Runner) -> None:
    fault = Fault(Step.END, Kind.CLOSE, nth=2, acted=True)
    with ScriptedServer(Settings(limits="RCPTMAX=1", fault=fault)) as server:
        to = "a@example.com, b@example.com, c@example.com"
        done = run("send_email", asset(server), {"to": to, "subject": "s", "body": "x"})
    (result,) = done.results
    assert result["message"].startswith("Email sent to 2 of 3 recipients; unknown: b@example.com")
    data = result["data"][0]
    assert [one["status"] for one in data["recipients"]] == ["accepted", "unknown", "accepted"]
    assert (data["failure"]["step"], data["failure"]["retryable"]) == ("end of message", False)
