"""An asset with several servers: the next one gets what the one before certainly has not got, and nothing else."""

from __future__ import annotations

import base64
import socket
from collections.abc import Iterator

import pytest

from auth.settings import Login
from delivery.asset import Asset
from delivery.pool import Pool
from delivery.servers import servers_of
from delivery.transport import Access, Transport
from smtp.errors import ConnectError, Refused
from tests.delivery.test_senders import ANN, TOKEN, application, provider  # noqa: F401 - a fixture
from tests.delivery.test_window import accepted, mails, outcomes
from tests.support.actions import FakeContext
from tests.support.authority import authority
from tests.support.running import Runner
from tests.support.running import asset as any_asset
from tests.support.scripted import Fault, Kind, ScriptedServer, Settings, Step
from tests.support.token_endpoint import TokenEndpoint

MAIL = {"to": "r0@example.com", "subject": "0", "body": "Hello"}


def asset(first: ScriptedServer, *others: ScriptedServer | int, **fields: object) -> dict[str, object]:
    ports = [other if isinstance(other, int) else other.port for other in others]
    return any_asset(
        first, **{"fallback_servers": ", ".join(f"127.0.0.1:{port}" for port in ports), **fields}
    )


@pytest.fixture
def dead_port() -> Iterator[int]:
    """A port that refuses every connection, as long as the test lasts."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


def test_a_server_that_can_not_be_reached_leaves_the_mail_to_the_next(run: Runner, dead_port: int) -> None:
    with ScriptedServer() as second:
        fields = asset(second, second, port=dead_port)
        ran = run("send_email", fields, MAIL)
    assert (ran.message, ran.data["server"]) == ("Email sent", f"127.0.0.1:{second.port}")
    assert accepted(second) == ["0"]
    assert any(f"127.0.0.1:{dead_port} can't be used" in text for text in ran.progress)


@pytest.mark.parametrize("step", [Step.BANNER, Step.EHLO, Step.MAIL, Step.RCPT, Step.BODY])
@pytest.mark.parametrize("kind", [Kind.CLOSE, Kind.RESET, Kind.SHUTDOWN])
@pytest.mark.parametrize("fields", [{}, {"disable_chunking": True}, {"disable_pipelining": True}], ids=str)
def test_one_that_breaks_off_before_the_message_is_complete_does_too(
    run: Runner, step: Step, kind: Kind, fields: dict[str, bool]
) -> None:
    fault = Fault(step, kind, times=99)
    with ScriptedServer(Settings(fault=fault)) as first, ScriptedServer() as second:
        ran = run("send_email", asset(first, second, **fields), MAIL)
        took = accepted(first) + accepted(second)
    assert took == ([] if ran.data["outcome"] in ("unknown", "not sent") else ["0"])
    if step is not Step.BODY:  # there the last octets may have left already
        assert (ran.data["outcome"], ran.data["server"]) == ("sent", f"127.0.0.1:{second.port}")


@pytest.mark.parametrize("acted", [True, False])
def test_one_that_breaks_off_behind_the_message_leaves_it_unknown(run: Runner, acted: bool) -> None:
    fault = Fault(Step.END, Kind.CLOSE, acted=acted)
    with ScriptedServer(Settings(fault=fault)) as first, ScriptedServer() as second:
        ran = run("send_email", asset(first, second), MAIL)
        assert (ran.data["outcome"], ran.data["server"]) == ("unknown", f"127.0.0.1:{first.port}")
        assert (accepted(first), second.log.connections) == ((["0"] if acted else []), 0)


@pytest.mark.parametrize("kind", [Kind.PERMANENT, Kind.TEMPORARY])
@pytest.mark.parametrize("step", [Step.MAIL, Step.RCPT, Step.END])
def test_what_a_server_refuses_no_other_one_is_asked_for(run: Runner, step: Step, kind: Kind) -> None:
    with ScriptedServer(Settings(fault=Fault(step, kind))) as first, ScriptedServer() as second:
        ran = run("send_email", asset(first, second), MAIL)
        assert (ran.data["outcome"], second.log.connections) == ("not sent", 0)


def test_a_credential_that_is_refused_is_shown_to_no_other_server(run: Runner) -> None:
    settings = Settings(auth=("PLAIN",), logins={"me": "right"})
    login = {"auth_type": "Basic", "username": "me", "password": "wrong", "allow_plaintext_auth": True}
    with ScriptedServer(settings) as first, ScriptedServer(settings) as second:
        ran = run("send_email", asset(first, second, **login), MAIL)
        assert (ran.failure["step"], ran.failure["code"], second.log.connections) == ("AUTH", 535, 0)


def test_where_none_can_be_used_the_last_one_says_why(run: Runner, dead_port: int) -> None:
    with ScriptedServer(Settings(fault=Fault(Step.BANNER, Kind.PERMANENT, times=9))) as first:
        ran = run("send_email", asset(first, dead_port), MAIL)
    assert (ran.data["outcome"], ran.failure["step"]) == ("not sent", "connection")
    assert f"127.0.0.1:{dead_port}" in ran.message
    assert any(f"127.0.0.1:{first.port} can't be used" in text for text in ran.progress)


@pytest.mark.parametrize(
    "fields", [{"max_connections": 1}, {"window": 5}, {"max_connections": 1, "window": 5}], ids=str
)
@pytest.mark.parametrize("step", [Step.MAIL, Step.RCPT, Step.BODY, Step.END])
def test_a_run_goes_on_at_the_next_server_and_nothing_arrives_twice(
    run: Runner, step: Step, fields: dict[str, int]
) -> None:
    fault = Fault(step, Kind.CLOSE, nth=8, times=99)
    with ScriptedServer(Settings(fault=fault)) as first, ScriptedServer() as second:
        ran = run("send_email", asset(first, second, **fields), *mails(40))
        took = accepted(first) + accepted(second)
    assert len(took) == len(set(took))
    told = dict(zip((str(number) for number in range(40)), outcomes(ran), strict=True))
    assert all(outcome in ("sent", "unknown") for outcome in told.values()), told
    assert {subject for subject, outcome in told.items() if outcome == "sent"} <= set(took)
    if step in (
        Step.MAIL,
        Step.RCPT,
    ):  # elsewhere the message may be complete: the server is not left for that
        assert accepted(second)
        assert "window" in fields or outcomes(ran).count("sent") == 40


@pytest.mark.parametrize(("name", "outcome"), [("localhost", "sent"), ("127.0.0.1", "not sent")])
def test_each_server_has_to_show_a_certificate_for_its_own_name(
    run: Runner, dead_port: int, name: str, outcome: str
) -> None:
    with ScriptedServer(Settings(tls="ssl", context=authority().server(name))) as second:
        there = {"port": dead_port, "fallback_servers": f"localhost:{second.port}"}
        ran = run("send_email", any_asset(second, ssl_config="SSL", ca_bundle=authority().pem, **there), MAIL)
    assert ran.data["outcome"] == outcome
    assert outcome == "sent" or ran.failure["step"] == "TLS"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("", []),
        ("b.example.com", ["b.example.com:587"]),
        (" b.example.com:25 ,192.0.2.1", ["b.example.com:25", "192.0.2.1:587"]),
        ("[2001:db8::1],[2001:db8::2]:2525", ["2001:db8::1:587", "2001:db8::2:2525"]),
    ],
)
def test_a_port_that_is_not_given_is_the_assets(given: str, expected: list[str]) -> None:
    servers = servers_of(Asset(Login("1", "a.example.com", 587), "StartTLS", fallback_servers=given))
    assert [str(server) for server in servers] == ["a.example.com:587", *expected]


@pytest.mark.parametrize(
    "given",
    ["a b", "a.example.com:0", "a.example.com:65536", "smtp://a.example.com", "2001:db8::1", "a,,b", "a:b"],
)
def test_what_names_no_server_is_refused_before_anything_is_connected(run: Runner, given: str) -> None:
    with ScriptedServer() as server:
        ran = run("send_email", any_asset(server, fallback_servers=given), MAIL)
        assert server.log.connections == 0
    assert "fallback_servers" in ran.document["message"]


def test_a_test_of_the_connection_tells_the_steps_of_the_server_that_was_reached(run: Runner) -> None:
    settings = Settings(tls="ssl", context=authority().wrong_host)
    with ScriptedServer(settings) as first, ScriptedServer(Settings(tls="ssl")) as second:
        fields = asset(first, second, ssl_config="SSL", ca_bundle=authority().pem)
        ran = run("test_connectivity", fields)
    assert ran.succeeded
    steps = {step["step"]: step["status"] for step in ran.data["steps"]}
    assert steps["TLS"] == "passed"
    assert any(f"127.0.0.1:{first.port} can't be used" in text for text in ran.progress)


@pytest.mark.parametrize("lacking", [{"eight_bit": False}, {"smtputf8": False}], ids=str)
@pytest.mark.parametrize("count", [1, 8])
def test_the_next_server_gets_mails_as_it_takes_them(
    run: Runner, lacking: dict[str, bool], count: int
) -> None:
    given = [{**mail, "to": f"r{n}@müller.example", "body": "Grüße"} for n, mail in enumerate(mails(count))]
    breaks_off = Settings(fault=Fault(Step.MAIL, Kind.CLOSE, nth=min(count, 4), times=99))
    with ScriptedServer(breaks_off) as first, ScriptedServer(Settings(**lacking)) as second:
        ran = run("send_email", asset(first, second), *given)
        assert sorted(accepted(first) + accepted(second)) == [str(number) for number in range(count)]
        assert accepted(second)
        assert second.log.violations == []
    assert outcomes(ran) == ["sent"] * count


@pytest.mark.parametrize(("first", "second"), [(("DSN",), ()), ((), ("DSN",))])
def test_what_is_warned_of_is_about_the_server_that_took_the_mail(
    run: Runner, first: tuple[str, ...], second: tuple[str, ...]
) -> None:
    breaks_off = Settings(fault=Fault(Step.MAIL, Kind.CLOSE, times=99), extra=first)
    with ScriptedServer(breaks_off) as one, ScriptedServer(Settings(extra=second)) as other:
        ran = run("send_email", asset(one, other), {**MAIL, "dsn": "failure"})
        (mail,) = other.log.accepted
    assert mail.recipient_parameters == ((("NOTIFY=FAILURE",) if second else ()),)
    assert bool(ran.warnings) == (not second)


def test_a_run_ends_early_though_every_server_fails_for_a_reason_of_its_own(
    run: Runner, dead_port: int
) -> None:
    with ScriptedServer(Settings(fault=Fault(Step.BANNER, Kind.PERMANENT, times=999))) as first:
        ran = run("send_email", asset(first, dead_port), *mails(30))
        assert first.log.connections == 3
    assert outcomes(ran) == ["not sent"] * 30
    assert {result["data"][0]["server"] for result in ran.results} == {f"127.0.0.1:{dead_port}"}
    assert all(f"with 127.0.0.1:{dead_port}: " in result["message"] for result in ran.results)


def test_a_server_that_breaks_off_each_time_keeps_no_mail_from_the_others(run: Runner) -> None:
    once, always = Fault(Step.MAIL, Kind.CLOSE), Fault(Step.MAIL, Kind.SHUTDOWN, times=999)
    with ScriptedServer(Settings(fault=once)) as first, ScriptedServer(Settings(fault=always)) as second:
        ran = run("send_email", asset(first, second, max_connections=1), *mails(15))
        assert sorted(map(int, accepted(first))) == list(range(1, 15))
    assert outcomes(ran) == ["not sent"] + ["sent"] * 14


@pytest.mark.parametrize("count", [1, 3])
def test_where_each_server_breaks_off_a_mail_is_tried_once_at_each(run: Runner, count: int) -> None:
    always = Settings(fault=Fault(Step.MAIL, Kind.CLOSE, times=999))
    with ScriptedServer(always) as first, ScriptedServer(always) as second, ScriptedServer(always) as third:
        ran = run("send_email", asset(first, second, third), *mails(count))
        assert [server.log.connections for server in (first, second, third)] == [count] * 3
    assert outcomes(ran) == ["not sent"] * count


def test_a_run_waits_a_few_times_only_for_a_server_that_is_silent_because_the_other_breaks_off(
    run: Runner,
) -> None:
    silent, always = Fault(Step.EHLO, Kind.SILENCE, times=99), Fault(Step.MAIL, Kind.SHUTDOWN, times=99)
    with ScriptedServer(Settings(fault=silent)) as first, ScriptedServer(Settings(fault=always)) as second:
        ran = run("send_email", asset(first, second, read_timeout=0.3), *mails(15))
        assert first.log.connections == 4
    assert outcomes(ran) == ["not sent"] * 15


def test_a_token_names_the_server_that_it_is_shown_to(
    run: Runner,
    provider: TokenEndpoint,  # noqa: F811 - the fixture
    dead_port: int,
) -> None:
    with ScriptedServer(Settings(auth=("OAUTHBEARER",), logins={ANN: TOKEN})) as second:
        fields = application(second, provider, port=dead_port, fallback_servers=f"localhost:{second.port}")
        ran = run("send_email", fields, {**MAIL, "from": ANN})
        (shown,) = (line for _, line in second.log.commands if line.startswith(b"AUTH"))
    assert ran.message == "Email sent"
    assert f"\1host=localhost\1port={second.port}\1".encode() in base64.b64decode(shown.split()[-1])


def test_a_mail_of_which_a_part_was_sent_tells_of_the_server_that_took_it(
    run: Runner, dead_port: int
) -> None:
    gone = Fault(Step.BANNER, Kind.PERMANENT, nth=2, times=99)
    settings = Settings(tls="ssl", limits="MAILMAX=1 RCPTMAX=1", fault=gone)
    with ScriptedServer(settings) as first:
        fields = asset(first, dead_port, ssl_config="SSL", ca_bundle=authority().pem)
        ran = run("send_email", fields, {**MAIL, "to": "a@example.com, b@example.com"})
    assert ran.statuses == {"a@example.com": "accepted", "b@example.com": "not tried"}
    assert (ran.data["server"], ran.data["tls_version"]) == (f"127.0.0.1:{first.port}", "TLSv1.3")


def test_an_error_names_its_own_server_whatever_other_sessions_try(dead_port: int) -> None:
    with ScriptedServer(Settings(fault=Fault(Step.BANNER, Kind.PERMANENT, times=9))) as first:
        login = Login("1", first.host, first.port)
        account = Asset(login, "None", fallback_servers=f"127.0.0.1:{dead_port}")
        context = FakeContext(asset=account)
        access, pool = Access(account, context), Pool()
        one, other = Transport(access, pool), Transport(access, pool)

        def progress(text: str) -> None:
            if text == f"Connecting to 127.0.0.1:{dead_port}." and not context.texts:
                context.texts.append(text)
                with pytest.raises(Refused):  # it begins with the second, and so ends with the first
                    other.open_session()

        context.progress = progress  # type: ignore[method-assign] # what another session does meanwhile
        with pytest.raises(ConnectError):
            one.open_session()
    assert (one.facts.server, other.facts.server) == (f"127.0.0.1:{dead_port}", f"127.0.0.1:{first.port}")
