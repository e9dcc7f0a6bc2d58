"""Rules of the RFCs that mail libraries often break, kept over the wire; the server writes down every breach."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from smtp.content import Octets
from smtp.envelope import Address, Envelope
from smtp.errors import AuthenticationFailed, AuthenticationRefused, NotOffered, SmtpError
from smtp.options import Options, Timeouts
from smtp.outcome import Outcome, Status
from smtp.sasl.credentials import BearerCredentials, ExternalCredentials, PasswordCredentials
from smtp.session import Session
from smtp.tls import TlsSettings, make_context
from tests.support.authority import authority
from tests.support.scripted import Fault, Kind, Log, ScriptedServer, Settings, Step

ME, BOB = Address("me", "example.com"), Address("bob", "example.com")
MESSAGE = Octets(b"Subject: hi\r\n\r\n.\r\n..dots\r\n")
TOKEN = "t" * 4096
LOGINS = {"ann": TOKEN}


@contextmanager
def ready(server: ScriptedServer, timeouts: Timeouts | None = None) -> Iterator[Session]:
    """A session that has said hello, inside TLS if the server has TLS."""
    settings, context = server.settings, make_context(TlsSettings(authorities=authority().pem))
    options = Options(timeouts or Timeouts(reply=5.0), implicit_tls=settings.tls == "ssl", context=context)
    with Session.connect(server.host, server.port, options) as session:
        session.hello("client.test")
        if settings.tls == "starttls":
            session.start_tls()
            session.hello("client.test")
        yield session


def log_of(server: ScriptedServer) -> Log:
    """The server's log, once it is final."""
    server.wait_until_served()
    return server.log


def test_the_reply_to_the_end_of_a_message_may_take_longer_than_any_other() -> None:
    """RFC 5321 section 4.5.3.2.6."""
    with ScriptedServer(Settings(fault=Fault(Step.END, Kind.DRIP), drip=0.04)) as server:
        timeouts = Timeouts(reply=0.5, end_of_message=10.0)
        with ready(server, timeouts) as session:
            assert session.send(Envelope(ME, (BOB,)), MESSAGE).outcome is Outcome.SENT
    assert Timeouts().end_of_message >= 600


@pytest.mark.parametrize("chunking", [False, True])
def test_size_counts_the_octets_of_the_message_without_those_of_transparency(chunking: bool) -> None:
    """RFC 1870 section 5; the server compares."""
    with ScriptedServer(Settings(chunking=chunking, size=0)) as server:
        with ready(server) as session:
            session.send(Envelope(ME, (BOB,)), MESSAGE)
        assert log_of(server).violations == []
    assert server.log.accepted[0].parameters == (f"SIZE={MESSAGE.size}",)


@pytest.mark.parametrize("chunking", [False, True])
def test_thousands_of_recipients_do_not_block_a_server_that_answers_each_before_it_reads_on(
    chunking: bool,
) -> None:
    """RFC 2920 section 3.1: both sides could wait for the other to read."""
    everybody = tuple(Address(f"r{number}", "example.com") for number in range(2000))
    with ScriptedServer(Settings(chunking=chunking, buffers=4096)) as server:
        with ready(server, Timeouts(reply=15.0)) as session:
            delivery = session.send(Envelope(ME, everybody), MESSAGE)
        assert delivery.count(Status.ACCEPTED) == len(everybody)
        assert log_of(server).violations == []


def test_what_was_offered_before_tls_is_forgotten_after_it() -> None:
    """RFC 3207 section 4.2."""
    settings = Settings(tls="starttls", before_tls=("XBEFORE", "LIMITS RCPTMAX=1"))
    with ScriptedServer(settings) as server:
        with ready(server) as session:
            assert "XBEFORE" not in session.extensions
            assert session.extensions.limits == {}
            session.send(Envelope(ME, (BOB, ME)), MESSAGE)
        assert log_of(server).verbs().count("EHLO") == 2
    assert len(server.log.accepted) == 1


@pytest.mark.parametrize("mechanism", ["XOAUTH2", "OAUTHBEARER"])
def test_a_token_too_long_for_the_command_follows_in_a_second_step(mechanism: str) -> None:
    """RFC 4954 section 4: a command line has 512 octets; the server complains of longer ones."""
    with ScriptedServer(Settings(tls="ssl", auth=(mechanism,), logins=LOGINS)) as server:
        with ready(server) as session:
            assert session.authenticate(credentials(server, TOKEN)) == mechanism
        assert log_of(server).violations == []
    assert f"AUTH {mechanism}".encode() in [line for _, line in server.log.commands]


@pytest.mark.parametrize(
    ("mechanism", "answer"), [("XOAUTH2", b""), ("OAUTHBEARER", base64.b64encode(b"\1"))]
)
def test_an_error_challenge_is_answered_and_the_refusal_read(mechanism: str, answer: bytes) -> None:
    """RFC 7628 section 3.2.3, and what Google and Microsoft ask for."""
    fault = Fault(Step.AUTH, Kind.SAYS, reply=b"535 5.7.8 no\r\n", acted=False)
    with ScriptedServer(Settings(tls="ssl", auth=(mechanism,), logins=LOGINS, fault=fault)) as server:
        with ready(server) as session, pytest.raises(AuthenticationRefused) as raised:
            session.authenticate(credentials(server, "wrong"))
        log_of(server)
    assert raised.value.reply is not None
    assert raised.value.reply.code == 535
    assert raised.value.explanation
    assert server.log.answers[-1] == answer


@pytest.mark.parametrize("mechanism", ["XOAUTH2", "OAUTHBEARER"])
def test_a_success_after_an_error_challenge_is_none(mechanism: str) -> None:
    error = b"334 " + base64.b64encode(b'{"status":"401"}') + b"\r\n"
    server = ScriptedServer(Settings(tls="ssl", auth=(mechanism,), challenges=(error,)))
    with server, ready(server) as session, pytest.raises(AuthenticationFailed):
        session.authenticate(credentials(server, "short"))


def test_an_empty_initial_response_is_an_equals_sign() -> None:
    """RFC 4954 section 4."""
    with ScriptedServer(Settings(tls="ssl", auth=("EXTERNAL",), logins={"ann": ""})) as server:
        with ready(server) as session:
            assert session.authenticate(ExternalCredentials()) == "EXTERNAL"
        assert b"AUTH EXTERNAL =" in [line for _, line in log_of(server).commands]


@pytest.mark.parametrize(("octets", "is_taken"), [(12_288, True), (12_292, False)])
def test_a_challenge_may_have_12288_octets_and_no_more(octets: int, is_taken: bool) -> None:
    """RFC 4954 section 4."""
    challenge = b"334 " + b"A" * octets + b"\r\n"
    with ScriptedServer(Settings(tls="ssl", auth=("CRAM-MD5",), challenges=(challenge,))) as server:
        with ready(server) as session:
            if is_taken:
                assert session.authenticate(PasswordCredentials("ann", "x")) == "CRAM-MD5"
            else:
                with pytest.raises(SmtpError):
                    session.authenticate(PasswordCredentials("ann", "x"))
        assert len(log_of(server).answers) == is_taken


def test_a_challenge_that_can_not_be_answered_is_cancelled_and_the_answer_read() -> None:
    """RFC 4954 section 4: `*`, and then the server's 501."""
    settings = Settings(tls="ssl", auth=("CRAM-MD5",), challenges=(b"334 =not base64=\r\n",))
    with ScriptedServer(settings) as server:
        with ready(server) as session:
            with pytest.raises(AuthenticationFailed):
                session.authenticate(PasswordCredentials("ann", "x"))
            assert session.is_alive()
        assert log_of(server).answers == [b"*"]


def tried(server: ScriptedServer) -> list[str]:
    """The mechanisms that were begun, in order."""
    lines = [line for _, line in log_of(server).commands if line.startswith(b"AUTH")]
    return [line.split(b" ")[1].decode() for line in lines]


ANN = PasswordCredentials("ann", TOKEN)
EVERYTHING = ("CRAM-MD5", "LOGIN", "PLAIN", "SCRAM-SHA-256")


@pytest.mark.parametrize("code", [b"504 5.5.4 unrecognized", b"534 5.7.9 too weak"])
@pytest.mark.parametrize(
    ("offered", "expected"),
    [
        (EVERYTHING, ["SCRAM-SHA-256", "PLAIN"]),
        (("SCRAM-SHA-1", "CRAM-MD5"), ["SCRAM-SHA-1", "CRAM-MD5"]),
    ],
)
def test_a_refusal_of_the_mechanism_leads_to_the_next_one(
    code: bytes, offered: tuple[str, ...], expected: list[str]
) -> None:
    """RFC 4954 section 6."""
    fault = Fault(Step.AUTH, Kind.SAYS, reply=code + b"\r\n", acted=False)
    with ScriptedServer(Settings(tls="ssl", auth=offered, logins=LOGINS, fault=fault)) as server:
        with ready(server) as session:
            assert session.authenticate(ANN) == expected[-1]
        assert tried(server) == expected


def test_a_mechanism_that_is_too_weak_is_not_followed_by_one_that_is_no_stronger() -> None:
    fault = Fault(Step.AUTH, Kind.SAYS, reply=b"534 5.7.9 app password\r\n", acted=False, times=9)
    with ScriptedServer(Settings(tls="ssl", auth=("PLAIN", "LOGIN"), logins=LOGINS, fault=fault)) as server:
        with ready(server) as session, pytest.raises(AuthenticationRefused):
            session.authenticate(ANN)
        assert tried(server) == ["PLAIN"]


@pytest.mark.parametrize("code", [b"535 5.7.8 no", b"454 4.7.0 later", b"550 5.7.30 no", b"500 5.5.2 what"])
def test_any_other_refusal_is_about_the_login_and_final(code: bytes) -> None:
    fault = Fault(Step.AUTH, Kind.SAYS, reply=code + b"\r\n", acted=False, times=9)
    with ScriptedServer(Settings(tls="ssl", auth=EVERYTHING, logins=LOGINS, fault=fault)) as server:
        with ready(server) as session, pytest.raises(AuthenticationRefused):
            session.authenticate(ANN)
        assert tried(server) == ["SCRAM-SHA-256"]


def test_inside_tls_a_hash_that_many_servers_can_not_check_comes_last() -> None:
    settings = Settings(tls="ssl", auth=("CRAM-MD5", "LOGIN", "PLAIN"), logins=LOGINS)
    with ScriptedServer(settings) as server, ready(server) as session:
        assert session.authenticate(ANN) == "PLAIN"


@pytest.mark.parametrize("mechanism", EVERYTHING)
def test_a_mechanism_that_was_asked_for_is_the_only_one_tried(mechanism: str) -> None:
    fault = Fault(Step.AUTH, Kind.SAYS, reply=b"504 5.5.4 no\r\n", acted=False, times=9)
    with (
        ScriptedServer(Settings(tls="ssl", auth=EVERYTHING, logins=LOGINS)) as server,
        ready(server) as session,
    ):
        assert session.authenticate(ANN, mechanism=mechanism) == mechanism
    with ScriptedServer(Settings(tls="ssl", auth=EVERYTHING, logins=LOGINS, fault=fault)) as server:
        with ready(server) as session, pytest.raises(AuthenticationRefused):
            session.authenticate(ANN, mechanism=mechanism)
        assert tried(server) == [mechanism]


def test_a_mechanism_that_was_asked_for_and_does_not_fit_is_never_tried() -> None:
    with ScriptedServer(Settings(tls="ssl", auth=("PLAIN", "XOAUTH2"), logins=LOGINS)) as server:
        with ready(server) as session:
            with pytest.raises(NotOffered, match="XOAUTH2 can't carry this login"):
                session.authenticate(ANN, mechanism="XOAUTH2")
            with pytest.raises(NotOffered, match="none of LOGIN"):
                session.authenticate(ANN, mechanism="LOGIN")
        assert tried(server) == []


@pytest.mark.parametrize(
    "prompts",
    [
        (b"334 VXNlcm5hbWU6 Username\r\n", b"334 UGFzc3dvcmQ6 Password\r\n"),
        (b"334 Username:\r\n", b"334 Password:\r\n"),
        (b"334 VXNlcm5hbWU\r\n", b"334 UGFzc3dvcmQ\r\n"),
        (b"334\r\n", b"334 \r\n"),
        (b"334 \xff\xfe\r\n", b"334 Passwort f\xfcr ann\r\n"),
    ],
    ids=["text behind", "plain words", "no padding", "nothing", "no text"],
)
def test_login_needs_no_prompt_that_can_be_read(prompts: tuple[bytes, ...]) -> None:
    settings = Settings(tls="ssl", auth=("LOGIN",), logins=LOGINS, challenges=prompts)
    with ScriptedServer(settings) as server:
        with ready(server) as session:
            assert session.authenticate(ANN) == "LOGIN"
        assert log_of(server).answers == [base64.b64encode(b"ann"), base64.b64encode(TOKEN.encode())]


def test_smtputf8_is_asked_for_only_by_those_who_need_it() -> None:
    """RFC 6531 section 3.4."""
    muller = Address("m\u00fcller", "example.com")
    with ScriptedServer() as server:
        with ready(server) as session:
            session.send(Envelope(ME, (BOB,)), MESSAGE)
            session.send(Envelope(ME, (muller,), smtputf8=True), MESSAGE)
        assert log_of(server).violations == []
    assert ["SMTPUTF8" in accepted.parameters for accepted in server.log.accepted] == [False, True]


def test_a_message_that_needs_smtputf8_is_not_offered_to_a_server_without_it() -> None:
    muller = Address("m\u00fcller", "example.com")
    with ScriptedServer(Settings(smtputf8=False)) as server:
        with ready(server) as session:
            delivery = session.send(Envelope(ME, (muller,), smtputf8=True), MESSAGE)
        assert delivery.outcome is Outcome.NOT_SENT
        assert "MAIL" not in log_of(server).verbs()


def test_an_enhanced_code_of_another_class_than_the_reply_counts_for_nothing() -> None:
    """RFC 3463 section 2."""
    fault = Fault(Step.RCPT, Kind.SAYS, reply=b"550 2.1.5 fine\r\n", acted=False)
    with ScriptedServer(Settings(fault=fault)) as server, ready(server) as session:
        (recipient,) = session.send(Envelope(ME, (BOB,)), MESSAGE).recipients
    assert recipient.status is Status.REFUSED
    assert recipient.reply is not None
    assert recipient.reply.enhanced_code == ""


def credentials(server: ScriptedServer, token: str) -> BearerCredentials:
    return BearerCredentials("ann", token, server.host, server.port)
