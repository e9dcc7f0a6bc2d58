"""Go's net/smtp in Python: its package's examples, and what its client's methods are here."""

from __future__ import annotations

import re
import socket
from pathlib import Path

import pytest

import smtp
from smtp.errors import AuthenticationFailed, ConnectionLost, InvalidValue, NotOffered, Refused, SmtpError
from smtp.given import address_of, split_address
from tests.support.authority import authority
from tests.support.catcher import Catcher
from tests.support.scripted import Fault, Kind, ScriptedServer, Settings
from tests.support.scripted.settings import Step

ROOT = Path(__file__).resolve().parents[2]


def at(server: Catcher | ScriptedServer) -> str:
    return f"{server.host}:{server.port}"


# -- the examples of Go's package, with the catcher for mail.example.com -----------------------------------


def test_the_packages_example() -> None:
    with Catcher() as server:
        # Connect to the remote SMTP server.
        client = smtp.Session.dial(at(server))
        # Set the sender and recipient first.
        client.mail("sender@example.org")
        client.rcpt("recipient@example.net")
        # Send the email body.
        writer = client.data()
        writer.write("This is the email body")
        writer.close()
        # Send the QUIT command and close the connection.
        client.quit()
    (caught,) = server.messages
    assert (caught.mail_from, caught.rcpt_tos) == ("sender@example.org", ("recipient@example.net",))
    assert caught.content == b"This is the email body\r\n"
    assert caught.mail_parameters == ("BODY=8BITMIME",)


def test_the_example_of_plain_auth() -> None:
    with Catcher(logins={"user@example.com": "password"}) as server:
        hostname = server.host
        auth = smtp.PlainAuth("", "user@example.com", "password", hostname)
        message = b"dummy message"
        recipients = ["foo@example.com"]
        smtp.send_mail(f"{hostname}:{server.port}", auth, "gopher@example.net", recipients, message)
    (caught,) = server.messages
    assert (caught.username, caught.mechanism) == ("user@example.com", "PLAIN")
    assert (caught.mail_from, caught.rcpt_tos) == ("gopher@example.net", ("foo@example.com",))
    assert caught.content == b"dummy message\r\n"


def test_the_example_of_send_mail() -> None:
    with Catcher(logins={"user@example.com": "password"}) as server:
        # Set up authentication information.
        auth = smtp.PlainAuth("", "user@example.com", "password", server.host)
        # Connect to the server, authenticate, set the sender and recipient, and send the email all in one step.
        to = ["recipient@example.net"]
        message = (
            b"To: recipient@example.net\r\nSubject: discount Gophers!\r\n\r\nThis is the email body.\r\n"
        )
        smtp.send_mail(at(server), auth, "sender@example.org", to, message)
    (caught,) = server.messages
    assert caught.content == message
    assert caught.rcpt_tos == ("recipient@example.net",)


# -- send_mail ---------------------------------------------------------------------------------------------


def test_tls_is_used_where_it_is_offered_and_the_certificate_verified() -> None:
    trusting = smtp.Options(context=smtp.make_context(smtp.TlsSettings(authorities=authority().pem)))
    with Catcher("starttls") as server:
        smtp.send_mail(at(server), None, "a@example.com", ["b@example.net"], "x", trusting)
        with pytest.raises(SmtpError, match="certificate"):
            smtp.send_mail(at(server), None, "a@example.com", ["b@example.net"], "x")
    assert [bool(caught.tls) for caught in server.messages] == [True]


def test_who_was_refused_is_in_the_delivery_and_all_refused_raises() -> None:
    with Catcher(refused={"no@example.net": "550 5.1.1 no such user"}) as server:
        to = ["yes@example.net", "no@example.net"]
        delivery = smtp.send_mail(at(server), None, "a@example.com", to, "x")
        with pytest.raises(Refused, match=r"550 5\.1\.1 no such user"):
            smtp.send_mail(at(server), None, "a@example.com", to[1:], "x")
    assert [(str(one.address), one.status) for one in delivery.recipients] == [
        ("yes@example.net", smtp.Status.ACCEPTED),
        ("no@example.net", smtp.Status.REFUSED),
    ]


def test_an_unknown_outcome_raises_and_is_not_repeated() -> None:
    with ScriptedServer(Settings(fault=Fault(Step.END, Kind.CLOSE))) as server:
        with pytest.raises(ConnectionLost) as raised:
            smtp.send_mail(at(server), None, "a@example.com", ["b@example.net"], "x")
        assert raised.value.step == "end of message"
    assert len(server.log.accepted) == 1


def test_recipients_that_one_connection_can_not_take_get_it_over_another() -> None:
    with ScriptedServer(Settings(limits="MAILMAX=1 RCPTMAX=1")) as server:
        to = ["a@example.net", "b@example.net"]
        delivery = smtp.send_mail(at(server), None, "s@example.com", to, "x")
    assert delivery.outcome is smtp.Outcome.SENT
    assert sorted(mail.recipients for mail in server.log.accepted) == [("a@example.net",), ("b@example.net",)]


@pytest.mark.parametrize("step", [Step.BANNER, Step.EHLO, Step.MAIL])
def test_who_has_it_is_told_even_if_no_other_connection_comes_about_for_the_rest(step: Step) -> None:
    with ScriptedServer(
        Settings(limits="MAILMAX=1 RCPTMAX=1", fault=Fault(step, Kind.CLOSE, nth=2, times=9))
    ) as server:
        to = ["a@example.net", "b@example.net"]
        delivery = smtp.send_mail(at(server), None, "s@example.com", to, "x")
    assert [mail.recipients for mail in server.log.accepted] == [("a@example.net",)]
    assert delivery.outcome is smtp.Outcome.PARTLY_SENT
    assert [(one.status, one.retryable) for one in delivery.recipients] == [
        (smtp.Status.ACCEPTED, False),
        (smtp.Status.NOT_TRIED, True),
    ]
    assert "the server closed the connection" in str(delivery.failure)


def test_a_login_that_the_server_does_not_offer_sends_nothing() -> None:
    with Catcher() as server:
        auth = smtp.PlainAuth("", "me", "secret", server.host)
        with pytest.raises(NotOffered, match="offers no authentication"):
            smtp.send_mail(at(server), auth, "a@example.com", ["b@example.net"], "x")
    assert server.messages == ()


def test_a_login_for_another_host_is_not_shown() -> None:
    with ScriptedServer(Settings(auth=("PLAIN",), logins={"me": "secret"})) as server:
        auth = smtp.PlainAuth("", "me", "secret", "mail.example.com")
        with pytest.raises(AuthenticationFailed, match="wrong host name"):
            smtp.send_mail(at(server), auth, "a@example.com", ["b@example.net"], "x")
    assert not any(command.startswith(b"AUTH") for _, command in server.log.commands)
    assert "secret" not in repr(auth)


def test_cram_md5_is_a_login_of_its_own() -> None:
    with Catcher(logins={"me": "secret"}, offer=_offering("PLAIN", "CRAM-MD5")) as server:
        smtp.send_mail(at(server), smtp.CramMd5Auth("me", "secret"), "a@example.com", ["b@example.net"], "x")
    assert server.messages[0].mechanism == "CRAM-MD5"


def _offering(*mechanisms: str) -> object:
    from tests.support.catcher import Offer

    return Offer(mechanisms=mechanisms)


# -- the client's methods ----------------------------------------------------------------------------------


def test_whoever_says_no_hello_is_introduced_and_again_after_tls() -> None:
    context = smtp.make_context(smtp.TlsSettings(authorities=authority().pem))
    with ScriptedServer(Settings(tls="starttls")) as server, smtp.Session.dial(at(server)) as session:
        assert session.extension("starttls") == (True, "")
        session.start_tls(context)
        assert session.tls is not None
        session.noop()
        session.verify(b"nobody")
        session.reset()
        session.mail(b"a@example.com")
        session.rcpt(b"<b@example.net>")
        reply = session.data(b"Subject: x\n\n.hello\n")
    assert reply.code == 250
    assert server.log.accepted[0].content == b"Subject: x\r\n\r\n.hello\r\n"
    said = [command.split(b" ")[0] for _, command in server.log.commands]
    assert said == [
        b"EHLO",
        b"STARTTLS",
        b"EHLO",
        b"NOOP",
        b"VRFY",
        b"RSET",
        b"MAIL",
        b"RCPT",
        b"DATA",
        b"QUIT",
    ]


def test_a_session_goes_over_a_connection_that_there_is() -> None:
    with Catcher() as server:
        connection = socket.create_connection((server.host, server.port))
        with smtp.Session.over(connection, "mail.example.com") as session:
            session.mail("")
            session.rcpt("b@example.net")
            session.data("x")
    assert server.messages[0].mail_from == "<>"


@pytest.mark.parametrize(
    "pieces",
    [
        ["a\nb\n", ".\n"],
        ["a\r", "\nb\r\n.", "\r\n"],
        [b"a\r", b"b\r.\r"],
        ["a\n", "b", "\n", "."],
    ],
)
def test_a_message_in_pieces_arrives_in_lines(pieces: list[str | bytes]) -> None:
    with Catcher() as server, smtp.Session.dial(at(server)) as session:
        session.mail("a@example.com")
        session.rcpt("b@example.net")
        with session.data() as writer:
            for piece in pieces:
                assert writer.write(piece) == len(piece)
        session.noop()
    assert server.messages[0].content == b"a\r\nb\r\n.\r\n"


def test_a_message_that_was_not_finished_is_not_sent() -> None:
    def write_half() -> None:
        session.mail("a@example.com")
        session.rcpt("b@example.net")
        with session.data() as writer:
            writer.write("half")
            raise RuntimeError("no more")

    with Catcher() as server:
        session = smtp.Session.dial(at(server))
        with pytest.raises(RuntimeError):
            write_half()
        assert not session.is_open
    assert server.messages == ()


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("a@example.com", "a@example.com"),
        ("<a@example.com>", "a@example.com"),
        ('"a b"@example.com', '"a b"@example.com'),
        (b'"a\\"b"@example.com', '"a\\"b"@example.com'),
        ("a@[127.0.0.1]", "a@[127.0.0.1]"),
    ],
)
def test_addresses_are_taken_as_they_are_on_the_wire(text: str | bytes, address: str) -> None:
    assert str(address_of(text)) == address


@pytest.mark.parametrize(
    "text", ["", "a", "@example.com", "a@", "a@b>\r\nDATA", "a@example.com x=y", b"\xff@b"]
)
def test_what_is_no_address_is_never_written(text: str | bytes) -> None:
    with pytest.raises(InvalidValue):
        address_of(text)


def test_ports_may_be_services() -> None:
    assert split_address("mail.example.com:smtp") == ("mail.example.com", 25)
    assert split_address("[::1]:587") == ("::1", 587)


@pytest.mark.parametrize(
    "text", ["mail.example.com", "mail:", ":25", "mail:0", "mail:65536", "mail:nothing", "::1:25"]
)
def test_an_address_without_a_port_is_an_error(text: str) -> None:
    with pytest.raises(InvalidValue):
        split_address(text)


def test_every_name_of_gos_package_has_one_here() -> None:
    """The table of docs/library.md: each of Go's names is there, and each of ours exists."""
    text = (ROOT / "docs/library.md").read_text(encoding="utf-8")
    table = dict(re.findall(r"^\| `([A-Za-z.0-9]+)` \| `(smtp\.[A-Za-z_.0-9]+)`", text, re.MULTILINE))
    methods = (
        *("Auth", "Close", "Data", "Extension", "Hello", "Mail", "Noop", "Quit", "Rcpt", "Reset", "StartTLS"),
        *("TLSConnectionState", "Verify"),
    )
    names = {"SendMail", "Auth", "CRAMMD5Auth", "PlainAuth", "Client", "Dial", "NewClient", "ServerInfo"}
    assert set(table) == names | {f"Client.{method}" for method in methods}
    with Catcher() as server, smtp.Session.dial(at(server)) as session:
        for ours in table.values():
            _, *parts = ours.split(".")
            found: object = smtp
            for part in parts:
                found = getattr(session if found is smtp.Session else found, part)
