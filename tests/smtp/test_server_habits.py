"""Servers with habits of their own: what is said of each mail agrees with what the server took, and nothing is lost."""

from __future__ import annotations

import os
import socket
import time
from collections import Counter
from collections.abc import Iterator, Sequence

import pytest

from smtp.content import Octets
from smtp.envelope import Address, Envelope
from smtp.errors import Cancelled, Category, OutOfStep, Step
from smtp.options import Habits, Options, Timeouts
from smtp.outcome import Delivery, Outcome, Status
from smtp.session import Session
from tests.support.scripted import Behind, Fault, Kind, ScriptedServer, Settings
from tests.support.scripted import Step as At
from tests.support.sending import Message, Sending, mail, statuses

NO = "550 5.1.1 no such user"
both_ways = pytest.mark.parametrize("chunking", [True, False], ids=["BDAT", "DATA"])
in_any_flight = pytest.mark.parametrize("window", [1, 20])


def agree(deliveries: Sequence[Delivery], server: ScriptedServer) -> None:
    """Nothing is said to be sent that was not, or the reverse, nothing came twice, and what is missing has a reason."""
    took = Counter(address for message in server.log.accepted for address in message.recipients)
    assert [address for address, times in took.items() if times > 1] == []
    for address, status in statuses(deliveries).items():
        assert status is Status.UNKNOWN or (status is Status.ACCEPTED) == (took[address] == 1), address
    for delivery in deliveries:
        assert (delivery.failure is None) == (delivery.outcome is Outcome.SENT), delivery


def count(deliveries: Sequence[Delivery], status: Status) -> int:
    return sum(delivery.count(status) for delivery in deliveries)


def refused(messages: Sequence[Message], every: int) -> dict[str, str]:
    """The only recipient of every so-manyth message does not exist."""
    return {str(messages[number][0].recipients[0]): NO for number in range(every - 1, len(messages), every)}


# -- a server that takes what is in a chunk for commands ------------------------------------------------

HOSTILE = (
    b"RSET\r\nMAIL FROM:<ceo@example.test>\r\nRCPT TO:<cfo@example.test>\r\nDATA\r\n"
    b"Subject: pay at once\r\n\r\nnow\r\n.\r\n"
)


@both_ways
@in_any_flight
@pytest.mark.parametrize("pipelining", [True, False])
@pytest.mark.parametrize("before", [0, 1, 5])
def test_what_is_in_a_mail_is_never_said_to_the_server_as_commands(
    before: int, pipelining: bool, window: int, chunking: bool
) -> None:
    hostile = mail(99, name="nobody", body=HOSTILE)
    settings = Settings(
        chunking=chunking, pipelining=pipelining, keeps_chunks=True, refused={"nobody0.m99@example.test": NO}
    )
    with ScriptedServer(settings) as server:
        deliveries = Sending(server, window).send([*map(mail, range(before)), hostile, mail(100)])
    assert [delivery.outcome for delivery in deliveries] == [Outcome.SENT] * before + [
        Outcome.NOT_SENT,
        Outcome.SENT,
    ]
    assert not [line for _, line in server.log.commands if b"ceo@" in line or b"cfo@" in line]
    assert len(server.log.accepted) == before + 1


@both_ways
@in_any_flight
@pytest.mark.parametrize("keeps_chunks", [True, False])
def test_a_recipient_that_does_not_exist_costs_no_other_mail(
    keeps_chunks: bool, window: int, chunking: bool
) -> None:
    messages = [mail(number) for number in range(50)]
    settings = Settings(chunking=chunking, keeps_chunks=keeps_chunks, refused=refused(messages, 7))
    with ScriptedServer(settings) as server:
        deliveries = Sending(server, window).send(messages)
    assert (count(deliveries, Status.ACCEPTED), count(deliveries, Status.REFUSED)) == (43, 7)
    agree(deliveries, server)


# -- a server that closes after so many messages --------------------------------------------------------


@both_ways
@pytest.mark.parametrize("most", [1, 2, 5, 10, 50])
@pytest.mark.parametrize("word", [b"", b"421 4.7.0 enough\r\n"])
def test_a_server_that_closes_after_so_many_leaves_nobody_in_doubt(
    word: bytes, most: int, chunking: bool
) -> None:
    settings = Settings(chunking=chunking, closes_after=most, closes_with=word)
    with ScriptedServer(settings) as server:
        sending = Sending(server)
        deliveries = sending.send([mail(number) for number in range(60)])
        server.wait_until_served()
    assert count(deliveries, Status.ACCEPTED) == 60
    assert sending.connections == -(-60 // most)
    agree(deliveries, server)


def test_a_server_that_closed_twice_after_as_many_messages_is_believed_to_do_so() -> None:
    habits = Habits()
    habits.closed_after(0)
    assert habits.most_messages is None
    habits.closed_after(3)
    assert (habits.most_messages, habits.is_sure_of_most_messages) == (3, False)
    habits.closed_after(5)
    assert (habits.most_messages, habits.is_sure_of_most_messages) == (5, False)
    habits.closed_after(5)
    assert (habits.most_messages, habits.is_sure_of_most_messages) == (5, True)
    habits.served(6)
    assert (habits.most_messages, habits.is_sure_of_most_messages) == (None, False)


def test_a_connection_that_was_lost_by_chance_is_no_habit() -> None:
    with ScriptedServer(Settings(fault=Fault(At.IDLE, Kind.CLOSE, nth=3))) as server:
        sending = Sending(server)
        deliveries = sending.send([mail(number) for number in range(30)])
    assert count(deliveries, Status.ACCEPTED) == 30
    assert sending.connections == 2


@pytest.mark.parametrize("most", [2, 7])
def test_with_a_window_only_the_first_close_leaves_mails_in_doubt(most: int) -> None:
    with ScriptedServer(Settings(closes_after=most)) as server:
        deliveries = Sending(server, 20).send([mail(number) for number in range(60)])
        server.wait_until_served()
    assert count(deliveries, Status.UNKNOWN) <= 8  # what was in flight together when the server closed
    assert count(deliveries, Status.NOT_TRIED) == 0
    agree(deliveries, server)


# -- a server that says 421 and goes on -----------------------------------------------------------------


@both_ways
@in_any_flight
@pytest.mark.parametrize("pipelining", [True, False])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_recipient_that_is_put_off_with_421_keeps_the_mail_from_nobody_else(
    place: int, pipelining: bool, window: int, chunking: bool
) -> None:
    deferred = f"r{place}.m4@example.test"
    settings = Settings(
        chunking=chunking, pipelining=pipelining, refused={deferred: "421 4.2.1 not this one, not now"}
    )
    messages = [mail(number, 3) for number in range(8)]
    with ScriptedServer(settings) as server:
        deliveries = Sending(server, window).send(messages)
    assert count(deliveries, Status.ACCEPTED) == 23
    (late,) = [one for one in deliveries[4].recipients if str(one.address) == deferred]
    assert (late.status, late.retryable) == (Status.REFUSED, True)
    agree(deliveries, server)


@both_ways
@pytest.mark.parametrize("acted", [True, False])
def test_a_break_after_such_a_message_leaves_it_in_doubt_and_nothing_is_repeated(
    acted: bool, chunking: bool
) -> None:
    settings = Settings(
        chunking=chunking,
        refused={"r1.m4@example.test": "421 4.2.1 not now"},
        fault=Fault(At.END, Kind.CLOSE, nth=5, acted=acted),
    )
    with ScriptedServer(settings) as server:
        deliveries = Sending(server).send([mail(number, 2) for number in range(8)])
    assert [one.status for one in deliveries[4].recipients] == [Status.UNKNOWN, Status.REFUSED]
    assert deliveries[4].elsewhere == ()
    assert count(deliveries, Status.UNKNOWN) == 1
    agree(deliveries, server)


def test_a_421_to_a_recipient_and_then_a_close_sends_nothing_to_anybody() -> None:
    settings = Settings(fault=Fault(At.RCPT, Kind.SHUTDOWN, nth=2))
    with ScriptedServer(settings) as server:
        deliveries = Sending(server).send([mail(0, 2)])
    assert [one.status for one in deliveries[0].recipients] == [Status.NOT_TRIED] * 2
    assert all(one.retryable for one in deliveries[0].recipients)
    assert server.log.accepted == []
    assert b"Subject" not in server.log.clear


# -- a server that answers a message twice --------------------------------------------------------------

RIGHT, WRONG = b"250 2.0.0 that was the chunk\r\n", b"554 5.0.0 that was the chunk\r\n"


@both_ways
@in_any_flight
@pytest.mark.parametrize("where", ["says_before_end", "says_behind_end"])
@pytest.mark.parametrize("pipelining", [True, False])
def test_two_answers_to_a_message_are_not_taken_for_those_to_others(
    pipelining: bool, where: str, window: int, chunking: bool
) -> None:
    messages = [mail(number) for number in range(25)]
    settings = Settings(
        chunking=chunking, pipelining=pipelining, refused=refused(messages, 5), **{where: RIGHT}
    )
    with ScriptedServer(settings) as server:
        sending = Sending(server, window)
        deliveries = sending.send(messages)
    assert (count(deliveries, Status.ACCEPTED), count(deliveries, Status.REFUSED)) == (20, 5)
    assert sending.connections <= 2
    agree(deliveries, server)


@pytest.mark.parametrize("where", ["says_before_end", "says_behind_end"])
@pytest.mark.parametrize("extra", [RIGHT, WRONG])
def test_where_the_two_contradict_each_other_no_more_than_the_first_mail_is_in_doubt(
    extra: bytes, where: str
) -> None:
    with ScriptedServer(Settings(refuses_every=5, **{where: extra})) as server:
        deliveries = Sending(server).send([mail(number) for number in range(25)])
    assert count(deliveries, Status.UNKNOWN) <= 1
    agree(deliveries, server)


@pytest.mark.parametrize("window", [1, 5])
@pytest.mark.parametrize("every", [1, 2, 3])
def test_refused_messages_between_accepted_ones_are_told_as_they_were(every: int, window: int) -> None:
    with ScriptedServer(Settings(refuses_every=every)) as server:
        sending = Sending(server, window)
        deliveries = sending.send([mail(number) for number in range(12)])
    assert count(deliveries, Status.REFUSED) == 12 // every
    assert sending.connections == 1
    agree(deliveries, server)


@both_ways
@in_any_flight
@pytest.mark.parametrize("every", [2, 3])
def test_recipients_of_a_refused_message_never_get_the_next_one(
    every: int, window: int, chunking: bool
) -> None:
    settings = Settings(
        chunking=chunking, refuses_every=every, behind_refused=Behind.KEEPS if chunking else Behind.FORGETS
    )
    with ScriptedServer(settings) as server:
        deliveries = Sending(server, window).send([mail(number, 2) for number in range(12)])
    for message in server.log.accepted:
        number = message.content.partition(b"Subject: ")[2].partition(b"\r")[0].decode()
        assert message.recipients == (f"r0.m{number}@example.test", f"r1.m{number}@example.test")
    assert count(deliveries, Status.ACCEPTED) + count(deliveries, Status.REFUSED) == 24
    agree(deliveries, server)


def test_a_run_without_refusals_says_nothing_that_is_about_no_mail_but_once() -> None:
    """Exim ends a session after ten commands that are about no mail."""
    with ScriptedServer() as server:
        Sending(server).send([mail(number) for number in range(30)])
    assert Counter(server.log.verbs()) == {
        "EHLO": 1,
        "MAIL": 30,
        "RCPT": 30,
        "BDAT": 30,
        "VRFY": 1,
        "QUIT": 1,
    }


def test_behind_the_first_end_nothing_is_said_until_a_lone_question_was_answered() -> None:
    with ScriptedServer() as server:
        Sending(server).send([mail(number) for number in range(5)])
    assert server.log.violations == []
    verbs = server.log.verbs()
    assert verbs[:6] == ["EHLO", "MAIL", "RCPT", "BDAT", "VRFY", "MAIL"]
    assert verbs.count("VRFY") == 1


def test_a_single_message_is_followed_by_no_question() -> None:
    with ScriptedServer() as server:
        Sending(server).send([mail(0)])
    assert server.log.verbs() == ["EHLO", "MAIL", "RCPT", "BDAT", "QUIT"]


@both_ways
@in_any_flight
@pytest.mark.parametrize(
    "answer",
    [
        b"250 2.1.5 yes\r\n",
        b"500 5.5.1 what\r\n",
        b"502 5.5.1 not here\r\n",
        b"550 5.1.1 no such user\r\n",
        b"450 4.1.1 perhaps later\r\n",
        b"252-2.0.0 send\r\n252 2.0.0 some\r\n",
        b"421 4.7.0 nobody asks that\r\n",
    ],
)
def test_whatever_a_server_answers_to_the_question_the_mails_arrive(
    answer: bytes, window: int, chunking: bool
) -> None:
    with ScriptedServer(Settings(chunking=chunking, vrfy=answer)) as server:
        sending = Sending(server, window)
        deliveries = sending.send([mail(number) for number in range(10)])
    assert count(deliveries, Status.ACCEPTED) == 10
    assert (sending.connections == 1) is not answer.startswith(b"421")
    agree(deliveries, server)


# -- a server that is slow ------------------------------------------------------------------------------


@both_ways
@pytest.mark.parametrize("window", [1, 4])
def test_a_server_that_is_busy_with_a_message_is_waited_for_also_in_a_write(
    window: int, chunking: bool
) -> None:
    messages = [mail(number, body=(b"x" * 70 + b"\r\n") * 830) for number in range(4)]
    with ScriptedServer(Settings(chunking=chunking, end_delay=0.7, buffers=4096)) as server:
        deliveries = Sending(server, window, Timeouts(2.0, 0.4, 20.0)).send(messages)
    assert count(deliveries, Status.ACCEPTED) == 4
    agree(deliveries, server)


# -- many recipients ------------------------------------------------------------------------------------


@both_ways
@pytest.mark.parametrize("pipelining", [True, False])
@pytest.mark.parametrize(("recipients", "limit"), [(2500, 1000), (700, 100), (230, 50), (60, 1)])
def test_everybody_gets_it_once_whatever_the_server_takes_at_once(
    recipients: int, limit: int, pipelining: bool, chunking: bool
) -> None:
    settings = Settings(
        chunking=chunking, pipelining=pipelining, max_recipients=limit, max_errors=20, lifetime=60
    )
    with ScriptedServer(settings) as server:
        sending = Sending(server)
        (delivery,) = sending.send([mail(0, recipients)])
    assert (delivery.outcome, delivery.failure) == (Outcome.SENT, None)
    agree([delivery], server)
    assert sending.connections <= 2
    asked = server.log.verbs().count("RCPT")
    assert asked - recipients <= limit + 110 if sending.connections == 2 else asked - recipients < 20


def test_what_was_learned_of_the_limit_holds_for_the_next_message() -> None:
    with ScriptedServer(Settings(max_recipients=30, max_errors=90)) as server:
        Sending(server).send([mail(0, 80), mail(1, 80), mail(2, 80)])
    answered = server.log.verbs().count("RCPT")
    assert answered == 240 + 50  # the first message's only


def test_an_unknown_recipient_among_too_many_is_refused_and_the_others_get_it() -> None:
    refusals = {f"r{index}.m0@example.test": NO for index in (0, 33, 55, 79)}
    with ScriptedServer(Settings(max_recipients=30, refused=refusals)) as server:
        (delivery,) = Sending(server).send([mail(0, 80)])
    assert delivery.outcome is Outcome.PARTLY_SENT
    assert {str(one.address) for one in delivery.recipients if one.status is Status.REFUSED} == set(refusals)
    agree([delivery], server)


@both_ways
@pytest.mark.parametrize("pipelining", [True, False])
@pytest.mark.parametrize(
    "limits", ["MAILMAX=1 RCPTMAX=1", "MAILMAX=2 RCPTMAX=2", "MAILMAX=1 RCPTDOMAINMAX=1"]
)
def test_what_one_connection_does_not_take_goes_over_the_next(
    limits: str, pipelining: bool, chunking: bool
) -> None:
    settings = Settings(chunking=chunking, pipelining=pipelining, limits=limits)
    with ScriptedServer(settings) as server:
        deliveries = Sending(server).send([mail(number, 5) for number in range(3)])
    assert [delivery.outcome for delivery in deliveries] == [Outcome.SENT] * 3
    assert server.log.violations == []
    agree(deliveries, server)


def test_the_part_that_goes_elsewhere_is_named_and_takes_its_place() -> None:
    with ScriptedServer(Settings(limits="MAILMAX=1 RCPTMAX=1")) as server:
        envelope, content = mail(0, 2)
        deliveries = []
        for part in (envelope, envelope.to(envelope.recipients[1:])):
            with Session.connect(server.host, server.port) as session:
                session.hello("client.test")
                deliveries.append(session.send(part, content))
    first, second = deliveries
    assert first.outcome is Outcome.PARTLY_SENT
    assert first.elsewhere == envelope.recipients[1:]
    assert first.recipients[1].status is Status.NOT_TRIED
    whole = first.continued(second)
    assert (whole.outcome, whole.failure, whole.elsewhere) == (Outcome.SENT, None, ())
    assert tuple(one.address for one in whole.recipients) == envelope.recipients


@both_ways
@pytest.mark.parametrize("pipelining", [True, False])
@pytest.mark.parametrize("kind", [Kind.CLOSE, Kind.SHUTDOWN, Kind.TEMPORARY, Kind.GARBAGE])
@pytest.mark.parametrize("step", [At.MAIL, At.RCPT, At.DATA, At.END])
def test_of_a_mail_in_parts_each_recipient_has_its_own_truth_and_what_is_missing_a_reason(
    step: At, kind: Kind, pipelining: bool, chunking: bool
) -> None:
    for nth in (1, 2, 3):
        settings = Settings(
            chunking=chunking, pipelining=pipelining, limits="RCPTMAX=2", fault=Fault(step, kind, nth=nth)
        )
        with ScriptedServer(settings) as server:
            sending = Sending(server)
            deliveries = sending.send([mail(0, 5)])
        agree(deliveries, server)
        assert sending.connections <= 2


@both_ways
@pytest.mark.parametrize("kind", [Kind.CLOSE, Kind.SHUTDOWN, Kind.SILENCE])
def test_a_mail_in_parts_whose_first_connection_breaks_is_not_carried_to_one_after_another(
    kind: Kind, chunking: bool
) -> None:
    settings = Settings(chunking=chunking, limits="RCPTMAX=1", fault=Fault(At.RCPT, kind, times=100))
    with ScriptedServer(settings) as server:
        sending = Sending(server, timeouts=Timeouts(5.0, 0.5, 5.0))
        (delivery,) = sending.send([mail(0, 20)])
    assert sending.connections == 1
    assert {one.status for one in delivery.recipients} == {Status.NOT_TRIED}
    assert delivery.failure is not None
    assert delivery.failure.step is Step.RCPT


def test_what_was_in_doubt_on_one_connection_is_told_where_the_rest_arrived_over_another() -> None:
    settings = Settings(limits="RCPTMAX=1", fault=Fault(At.END, Kind.CLOSE, nth=2, acted=True))
    with ScriptedServer(settings) as server:
        (delivery,) = Sending(server).send([mail(0, 3)])
    assert [one.status for one in delivery.recipients] == [Status.ACCEPTED, Status.UNKNOWN, Status.ACCEPTED]
    assert delivery.failure is not None
    assert delivery.failure.step is Step.END


@pytest.mark.parametrize("word", [NO, "450 4.2.0 later"])
def test_what_was_refused_is_the_reason_where_the_others_got_it_over_another_connection(word: str) -> None:
    large = (b"x" * 70 + b"\r\n") * 20_000
    settings = Settings(
        chunking=False,
        refused={"r1.m1@example.test": word},
        fault=Fault(At.BODY, Kind.CLOSE, nth=2, after=100),
    )
    with ScriptedServer(settings) as server:
        deliveries = Sending(server).send([mail(0), mail(1, 2, body=large)])
    assert [one.status for one in deliveries[1].recipients] == [Status.ACCEPTED, Status.REFUSED]
    failure = deliveries[1].failure
    assert failure is not None
    assert (failure.step, str(failure.reply)) == (Step.RCPT, word)
    agree(deliveries, server)


@pytest.mark.parametrize("pipelining", [True, False])
@pytest.mark.parametrize(
    ("step", "chunking"),
    [(At.MAIL, True), (At.RCPT, True), (At.MAIL, False), (At.RCPT, False), (At.DATA, False)],
)
def test_a_server_that_says_farewell_before_a_message_gets_it_over_another_connection(
    step: At, chunking: bool, pipelining: bool
) -> None:
    settings = Settings(chunking=chunking, pipelining=pipelining, fault=Fault(step, Kind.SHUTDOWN, nth=3))
    with ScriptedServer(settings) as server:
        sending = Sending(server)
        deliveries = sending.send([mail(number) for number in range(5)])
    assert [delivery.outcome for delivery in deliveries] == [Outcome.SENT] * 5
    assert sending.connections == 2
    agree(deliveries, server)


# -- being stopped --------------------------------------------------------------------------------------


class Stop:
    """Asks to stop once `when` says so."""

    def __init__(self) -> None:
        self.is_set = False
        self.asked_at = 0.0

    def __call__(self) -> None:
        if self.is_set:
            self.asked_at = self.asked_at or time.monotonic()
            raise Cancelled("stopped", step=Step.CONNECT)


@both_ways
def test_a_run_that_is_stopped_hears_what_became_of_the_message_on_its_way(chunking: bool) -> None:
    stop = Stop()
    with ScriptedServer(Settings(chunking=chunking, end_delay=0.5)) as server:
        options = Options(Timeouts(5.0, 5.0, 5.0), interrupt=stop)
        session = Session.connect(server.host, server.port, options)
        session.hello("client.test")
        deliveries = []
        for delivery in session.send_many(
            (mail(number) for number in range(10)), committing=lambda numbers: stopped(stop, numbers, 3)
        ):
            deliveries.append(delivery)
        session.close()
        server.wait_until_served()
    assert [delivery.outcome for delivery in deliveries] == [Outcome.SENT] * 4 + [Outcome.NOT_SENT] * 6
    assert all(
        delivery.failure.category is Category.CANCELLED for delivery in deliveries[4:] if delivery.failure
    )
    assert len(server.log.accepted) == 4
    agree(deliveries, server)


def stopped(stop: Stop, numbers: Sequence[int], at: int) -> None:
    stop.is_set |= at in numbers


@both_ways
def test_a_run_that_is_stopped_waits_two_seconds_at_most(chunking: bool) -> None:
    stop = Stop()
    fault = Fault(At.END, Kind.SILENCE, nth=3)
    with ScriptedServer(Settings(chunking=chunking, fault=fault)) as server:
        session = Session.connect(server.host, server.port, Options(interrupt=stop))
        session.hello("client.test")
        deliveries = list(
            session.send_many(
                (mail(number) for number in range(6)), committing=lambda numbers: stopped(stop, numbers, 2)
            )
        )
        took = time.monotonic() - stop.asked_at
        session.close()
    assert [delivery.outcome for delivery in deliveries] == [
        Outcome.SENT,
        Outcome.SENT,
        Outcome.UNKNOWN,
        *[Outcome.NOT_SENT] * 3,
    ]
    assert took < 2.0
    assert server.log.verbs().count("MAIL") <= 4
    agree(deliveries, server)


def test_a_window_that_is_stopped_while_it_is_written_hears_of_the_messages_that_are_complete() -> None:
    stop = Stop()
    body = (b"x" * 70 + b"\r\n") * 800
    with ScriptedServer(Settings(buffers=65_536, end_delay=0.1)) as server:
        connection = socket.create_connection((server.host, server.port))
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 32_768)
        session = Session.over(connection, server.host, Options(Timeouts(5.0, 5.0, 20.0), interrupt=stop))
        session.hello("client.test")
        messages = [mail(number, body=body) for number in range(20)]
        deliveries = list(session.send_many(messages, 16, lambda numbers: stopped(stop, numbers, 10)))
        session.close()
        server.wait_until_served()
    assert count(deliveries, Status.UNKNOWN) == 0
    assert count(deliveries, Status.ACCEPTED) > 7  # the batches before the one that was stopped
    agree(deliveries, server)


def test_whoever_stops_a_window_is_told_so_of_each_message_that_is_in_doubt() -> None:
    stop = Stop()
    with ScriptedServer(Settings(fault=Fault(At.END, Kind.SILENCE, nth=4))) as server:
        session = Session.connect(server.host, server.port, Options(interrupt=stop))
        session.hello("client.test")
        messages = [mail(number) for number in range(10)]
        deliveries = list(session.send_many(messages, 16, lambda numbers: stopped(stop, numbers, 3)))
        session.close()
    assert count(deliveries, Status.UNKNOWN) == 4
    assert {str(delivery.failure) for delivery in deliveries[3:]} == {"stopped"}


# -- the hook before the point of no return -------------------------------------------------------------


class Refuses(Exception):
    """What a ledger that can't be written raises."""


def hooked(
    server: ScriptedServer, hook: object, messages: Sequence[Message], window: int = 1
) -> Iterator[Delivery]:
    with Session.connect(server.host, server.port) as session:
        session.hello("client.test")
        yield from session.send_many(messages, window, hook)  # type: ignore[arg-type] # each test's own


@both_ways
def test_the_hook_is_called_once_a_message_before_its_last_octets_leave(chunking: bool) -> None:
    seen: list[tuple[int, int]] = []
    with ScriptedServer(Settings(chunking=chunking)) as server:
        list(
            hooked(
                server,
                lambda numbers: seen.extend((number, len(server.log.accepted)) for number in numbers),
                [mail(number) for number in range(5)],
            )
        )
    assert seen == [(number, number) for number in range(5)]


@both_ways
@pytest.mark.parametrize("at", [0, 1, 4])
def test_a_hook_that_raises_keeps_the_message_back_and_what_it_raises_is_heard(
    at: int, chunking: bool
) -> None:
    def hook(numbers: Sequence[int]) -> None:
        if at in numbers:
            raise Refuses

    got: list[Delivery] = []
    with ScriptedServer(Settings(chunking=chunking)) as server:
        with pytest.raises(Refuses):
            got.extend(hooked(server, hook, [mail(number) for number in range(6)]))
        server.wait_until_served()
    assert len(server.log.accepted) == at
    assert b"Subject: %d\r\n" % at not in bytes(server.log.clear)


def test_a_hook_that_stops_the_run_fails_the_message_and_the_rest() -> None:
    def hook(numbers: Sequence[int]) -> None:
        if 2 in numbers:
            raise Cancelled("stopped", step=Step.BODY)

    with ScriptedServer() as server:
        deliveries = list(hooked(server, hook, [mail(number) for number in range(5)]))
        server.wait_until_served()
    assert [delivery.outcome for delivery in deliveries] == [Outcome.SENT] * 2 + [Outcome.NOT_SENT] * 3
    assert deliveries[2].failure is not None
    assert deliveries[2].failure.category is Category.CANCELLED
    assert len(server.log.accepted) == 2


def test_a_message_in_two_transactions_is_told_of_twice() -> None:
    seen: list[int] = []
    with ScriptedServer(Settings(max_recipients=2)) as server:
        list(hooked(server, seen.extend, [mail(0, 3)]))
    assert seen == [0, 0]


# -- a window -------------------------------------------------------------------------------------------


def batches(server: ScriptedServer, messages: Sequence[Message], window: int) -> list[list[int]]:
    """Which messages were written together."""
    seen: list[list[int]] = []
    list(hooked(server, lambda numbers: seen.append(list(numbers)), messages, window))
    return seen


def test_a_window_opens_slowly() -> None:
    with ScriptedServer() as server:
        seen = batches(server, [mail(number) for number in range(24)], 8)
    assert list(map(len, seen)) == [1, 2, 4, 8, 8, 1]
    assert server.log.violations == []
    assert len(server.log.accepted) == 24


def test_after_a_surprise_one_message_is_in_flight_for_the_rest_of_the_run() -> None:
    messages = [mail(number) for number in range(20)]
    with ScriptedServer(Settings(refuses_every=6)) as server:
        seen = batches(server, messages, 8)
    assert list(map(len, seen)) == [1, 2, 4, *[1] * 13]
    assert len(server.log.accepted) == 17


def test_a_large_message_goes_by_itself_between_those_in_flight() -> None:
    large = mail(5, body=(b"x" * 70 + b"\r\n") * 1000)
    with ScriptedServer() as server:
        seen = batches(server, [mail(n) if n != 5 else large for n in range(10)], 8)
    assert seen == [[0], [1, 2], [3, 4], [5], [6, 7, 8, 9]]
    subjects = [message.content.partition(b"Subject: ")[2][:1] for message in server.log.accepted]
    assert subjects == [b"%d" % number for number in range(10)]


@pytest.mark.parametrize(
    "settings", [Settings(chunking=False), Settings(pipelining=False), Settings(keeps_chunks=True)]
)
def test_a_server_that_has_not_shown_that_it_can_gets_one_at_a_time(settings: Settings) -> None:
    with ScriptedServer(settings) as server:
        sending = Sending(server, 20)
        deliveries = sending.send([mail(number) for number in range(10)])
    assert count(deliveries, Status.ACCEPTED) == 10
    assert b"BDAT 6 LAST" not in [line for _, line in server.log.commands] or settings.keeps_chunks


def test_a_server_that_has_room_for_so_many_is_given_no_more_at_once() -> None:
    with ScriptedServer(Settings(limits="MAILMAX=5")) as server:
        deliveries = Sending(server, 20).send([mail(number) for number in range(12)])
    assert server.log.violations == []
    assert count(deliveries, Status.ACCEPTED) == 12


@pytest.mark.parametrize("window", [0, -1, 51])
def test_a_window_has_a_sensible_size(window: int) -> None:
    with ScriptedServer() as server, pytest.raises(ValueError, match="1 to 50"):
        list(hooked(server, None, [mail(0)], window))


def test_a_message_that_is_not_what_it_said_fails_by_itself_among_those_in_flight() -> None:
    envelope, _ = mail(2)
    content = Octets(b"Subject: x\r\n")
    content.size = 7
    messages = [mail(0), mail(1), (envelope, content), mail(3), mail(4)]
    with ScriptedServer() as server:
        deliveries = list(hooked(server, None, messages, 5))
    assert [delivery.outcome for delivery in deliveries] == [
        Outcome.SENT,
        Outcome.SENT,
        Outcome.NOT_SENT,
        Outcome.SENT,
        Outcome.SENT,
    ]


# -- a process that forks -------------------------------------------------------------------------------


def test_a_forked_process_neither_speaks_nor_listens_on_its_parents_connection() -> None:
    with ScriptedServer() as server:
        session = Session.connect(server.host, server.port)
        session.hello("client.test")
        child = os.fork()
        if child == 0:
            envelope, content = mail(1)
            told = session.send(envelope, content).outcome
            session.quit()
            os._exit(0 if told is Outcome.NOT_SENT else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert session.is_alive()
        assert session.send(*mail(2)).outcome is Outcome.SENT
        session.quit()
    assert server.log.verbs() == ["EHLO", "MAIL", "RCPT", "BDAT", "QUIT"]


def test_out_of_step_is_said_where_it_was_found() -> None:
    with ScriptedServer(Settings(says_behind_end=RIGHT)) as server:
        first, second = hooked(server, None, [mail(0), mail(1)])
    assert first.outcome is Outcome.SENT
    assert second.outcome is Outcome.NOT_SENT
    assert second.elsewhere == (Address("r0.m1", "example.test"),)
    assert second.failure is not None
    assert not isinstance(second.failure, OutOfStep) or second.failure.step is Step.VRFY


def test_an_envelope_for_the_rest_keeps_its_sender() -> None:
    envelope = Envelope(
        Address("s", "example.test"), (Address("a", "example.test"), Address("b", "example.test"))
    )
    assert envelope.to(envelope.recipients[1:]).sender == envelope.sender
