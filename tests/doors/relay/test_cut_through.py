"""Mail goes through as it comes, and the client is told what the mail server said, for each recipient."""

from __future__ import annotations

import smtplib
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.catcher import Catcher, Offer
from tests.support.relays import PATIENCE, RunningRelay, Talk, asset_file
from tests.support.scripted import Fault, Kind, ScriptedServer, Settings, Step

HEADER = (
    b"From: a@x.test\r\nSubject: hi\r\nDate: Thu, 26 Nov 2026 00:00:00 +0000\r\nMessage-ID: <1@x.test>\r\n"
)
MAIL = HEADER + b"\r\n.dot\r\n..\r\n"
ENVELOPE = b"MAIL FROM:<a@x.test>\r\nRCPT TO:<b@x.test>\r\n"
WAYS = {
    "BDAT, pipelined": Settings(),
    "DATA, pipelined": Settings(chunking=False),
    "DATA, in steps": Settings(chunking=False, pipelining=False),
    "BDAT, in steps": Settings(pipelining=False),
}


def behind_the_trace(content: bytes) -> bytes:
    """The message without the relay's own field."""
    lines = content.split(b"\r\n")
    assert lines[0].startswith(b"Received: from ")
    assert lines[1].startswith(b"\tby ")
    assert lines[2].startswith(b"\t")
    return b"\r\n".join(lines[3:])


@pytest.mark.parametrize("way", WAYS)
def test_smtplib_is_told_who_was_refused_and_the_others_have_it(way: str, tmp_path: Path) -> None:
    with (
        ScriptedServer(WAYS[way]) as server,
        RunningRelay(asset=asset_file(tmp_path, port=server.port)) as relay,
        smtplib.SMTP("127.0.0.1", relay.port, timeout=PATIENCE) as client,
    ):
        for _ in range(3):
            refused = client.sendmail("a@x.test", ["b@x.test", "c@x.test"], MAIL)
            assert refused == {}
    assert [behind_the_trace(one.content) for one in server.log.accepted] == [MAIL] * 3
    assert {one.recipients for one in server.log.accepted} == {("b@x.test", "c@x.test")}
    assert server.log.connections == 1
    assert {one.by for one in server.log.accepted} == {way[:4]}


@pytest.mark.parametrize("way", WAYS)
def test_each_recipient_gets_the_servers_own_answer(way: str, tmp_path: Path) -> None:
    settings = replace(
        WAYS[way], refused={"no@x.test": "550 5.1.1 nobody of that name", "full@x.test": "452 4.2.2 full"}
    )
    with (
        ScriptedServer(settings) as server,
        RunningRelay(asset=asset_file(tmp_path, port=server.port)) as relay,
        smtplib.SMTP("127.0.0.1", relay.port, timeout=PATIENCE) as client,
    ):
        refused = client.sendmail("a@x.test", ["no@x.test", "b@x.test", "full@x.test"], MAIL)
        assert refused == {
            "no@x.test": (550, b"5.1.1 nobody of that name"),
            "full@x.test": (452, b"4.2.2 full"),
        }
        with pytest.raises(smtplib.SMTPRecipientsRefused):
            client.sendmail("a@x.test", ["no@x.test"], MAIL)
        assert "partly sent" in relay.heard.wait_for("1 of 3 recipients")
    assert [one.recipients for one in server.log.accepted] == [("b@x.test",)]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("ending", ["DATA", "BDAT", "BDAT in pieces"])
def test_data_and_chunks_are_framed_anew_and_the_octets_stay(way: str, ending: str, tmp_path: Path) -> None:
    message = MAIL + b"".join(b"." * (n % 5) + b"x" * (n % 70) + b"\r\n" for n in range(20_000))
    stuffed = message.replace(b"\r\n.", b"\r\n..")
    wire = {
        "DATA": b"DATA\r\n" + stuffed + b".\r\n",
        "BDAT": b"BDAT %d LAST\r\n" % len(message) + message,
        "BDAT in pieces": b"BDAT 77\r\n"
        + message[:77]
        + b"BDAT 300001\r\n"
        + message[77:300078]
        + b"BDAT %d\r\n" % (len(message) - 300078)
        + message[300078:]
        + b"BDAT 0 LAST\r\n",
    }[ending]
    with (
        ScriptedServer(WAYS[way]) as server,
        RunningRelay(asset=asset_file(tmp_path, port=server.port)) as relay,
        Talk(relay.port) as client,
    ):
        client.say("EHLO me.test")
        replies = client.replies(ENVELOPE + wire, {"DATA": 4, "BDAT": 3, "BDAT in pieces": 6}[ending])
        assert replies[-1].startswith("250 2.0.0 OK: queued as ")
    (accepted,) = server.log.accepted
    assert behind_the_trace(accepted.content) == message


def test_250_comes_only_after_the_servers_250(tmp_path: Path) -> None:
    with (
        ScriptedServer(Settings(fault=Fault(Step.END, Kind.SAYS, reply=b"554 5.6.0 not this\r\n"))) as server,
        RunningRelay(asset=asset_file(tmp_path, port=server.port)) as relay,
        Talk(relay.port) as client,
    ):
        assert client.codes(ENVELOPE + b"DATA\r\n" + MAIL + b".\r\n", 4) == ["250", "250", "354", "554"]
        assert "not sent" in relay.heard.wait_for("1 of 1 recipients")


@pytest.mark.parametrize("acted", [True, False])
@pytest.mark.parametrize("chunking", [True, False])
def test_a_missing_last_answer_is_told_as_unknown(acted: bool, chunking: bool, tmp_path: Path) -> None:
    settings = Settings(chunking=chunking, fault=Fault(Step.END, Kind.CLOSE, acted=acted))
    with (
        ScriptedServer(settings) as server,
        RunningRelay(asset=asset_file(tmp_path, port=server.port)) as relay,
        Talk(relay.port) as client,
    ):
        *_, last = client.replies(ENVELOPE + b"DATA\r\n" + MAIL + b".\r\n", 4)
        assert last.startswith("451 4.4.2 The mail may have been delivered")
        assert "unknown" in relay.heard.wait_for("1 of 1 recipients")


@pytest.mark.parametrize("step", [Step.MAIL, Step.RCPT, Step.DATA])
@pytest.mark.parametrize("kind", [Kind.CLOSE, Kind.GARBAGE, Kind.SHUTDOWN])
def test_a_server_that_fails_before_the_message_leaves_it_not_sent(
    step: Step, kind: Kind, tmp_path: Path
) -> None:
    # A session that was opened before is tried anew where its end shows at MAIL.
    times = 2 if step is Step.MAIL and kind is not Kind.GARBAGE else 1
    settings = Settings(chunking=False, fault=Fault(step, kind, times=times))
    with (
        ScriptedServer(settings) as server,
        RunningRelay(asset=asset_file(tmp_path, port=server.port)) as relay,
        smtplib.SMTP("127.0.0.1", relay.port, timeout=PATIENCE) as client,
    ):
        with pytest.raises(smtplib.SMTPException):
            client.sendmail("a@x.test", ["b@x.test"], MAIL)
        assert server.log.accepted == []
        assert client.sendmail("a@x.test", ["b@x.test"], MAIL) == {}
    assert len(server.log.accepted) == 1


def test_a_session_that_the_server_closed_while_it_lay_idle_is_replaced(tmp_path: Path) -> None:
    settings = Settings(closes_after=1)
    with (
        ScriptedServer(settings) as server,
        RunningRelay(asset=asset_file(tmp_path, port=server.port)) as relay,
        smtplib.SMTP("127.0.0.1", relay.port, timeout=PATIENCE) as client,
    ):
        for _ in range(4):
            assert client.sendmail("a@x.test", ["b@x.test"], MAIL) == {}
    assert len(server.log.accepted) == 4
    assert server.log.connections == 4


def test_what_the_server_offers_is_offered_and_its_parameters_are_handed_on(tmp_path: Path) -> None:
    with (
        ScriptedServer(Settings(size=123_456)) as server,
        RunningRelay(asset=asset_file(tmp_path, port=server.port)) as relay,
        Talk(relay.port) as client,
    ):
        offers = client.say("EHLO me.test").replace("250-", "").replace("250 ", "").split("\n")[1:]
        assert offers == [
            "PIPELINING",
            "CHUNKING",
            "ENHANCEDSTATUSCODES",
            "SIZE 123456",
            "8BITMIME",
            "SMTPUTF8",
        ]
        parameters = "SIZE=100 BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=q+2B AUTH=<>"
        assert client.say(f"MAIL FROM:<jürgen@x.test> {parameters}").startswith("250")
        assert client.say("RCPT TO:<b@x.test> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;b@x.test").startswith("250")
        assert client.say("DATA").startswith("354")
        assert client.say("Subject: x\r\n\r\nx\r\n.").startswith("250")
    (accepted,) = server.log.accepted
    assert accepted.sender == "jürgen@x.test"
    assert accepted.parameters == ("SIZE=700", "BODY=8BITMIME", "SMTPUTF8")


def test_a_recipient_with_other_letters_needs_smtputf8(tmp_path: Path) -> None:
    with (
        Catcher(offer=Offer(smtputf8=True)) as server,
        RunningRelay(asset=asset_file(tmp_path, port=server.port)) as relay,
        Talk(relay.port) as client,
    ):
        client.say("EHLO me.test")
        assert client.say("MAIL FROM:<a@x.test> SMTPUTF8").startswith("250")
        assert client.say("RCPT TO:<jürgen@x.test>").startswith("250")
        client.say("RSET")
        assert client.say("MAIL FROM:<a@x.test>").startswith("250")
        assert client.say("RCPT TO:<jürgen@x.test>").startswith("553 5.6.7 ")
        assert client.say("RCPT TO:<b@x.test>").startswith("250")
        assert client.say("DATA").startswith("354")
        assert client.say("Subject: x\r\n\r\nx\r\n.").startswith("250")
    (caught,) = server.messages
    assert caught.rcpt_tos == ("b@x.test",)


def test_a_server_that_offers_little_is_asked_for_little(tmp_path: Path) -> None:
    with (
        Catcher(offer=Offer(eight_bit=False, smtputf8=False, size=None)) as server,
        RunningRelay(asset=asset_file(tmp_path, port=server.port)) as relay,
        Talk(relay.port) as client,
    ):
        offers = client.say("EHLO me.test")
        assert "8BITMIME" not in offers
        assert "SMTPUTF8" not in offers
        assert client.say("MAIL FROM:<a@x.test> SIZE=100 BODY=8BITMIME RET=FULL").startswith("250")
        assert client.say("RCPT TO:<b@x.test> NOTIFY=NEVER").startswith("250")
        assert client.say("DATA").startswith("354")
        assert client.say("Subject: x\r\n\r\nx\r\n.").startswith("250")
    (caught,) = server.messages
    assert caught.mail_parameters == caught.rcpt_parameters == ()


@pytest.mark.parametrize(
    ("message", "body"),
    [
        (b"   \r\nSome test data.\r\n\r\n", b"   \r\nSome test data.\r\n\r\n"),
        (b"\r\nSome test data.\r\n\r\n", b"Some test data.\r\n\r\n"),
        (b"", b""),
    ],
    ids=["it begins with white space", "it begins with an empty line", "it has nothing"],
)
def test_a_message_without_a_header_gets_the_fields_and_the_line_that_end_one(
    tmp_path: Path, message: bytes, body: bytes
) -> None:
    with (
        Catcher() as server,
        RunningRelay(asset=asset_file(tmp_path, port=server.port)) as relay,
        Talk(relay.port) as client,
    ):
        codes = client.codes(
            b"MAIL FROM:sender@transparentproxy.com\r\n   \r\nRCPT TO:receiver@transparentproxy.com\r\n   \r\n"
            b"DATA\r\n" + message + b".\r\n",
            4,
        )
        assert codes == ["250", "250", "354", "250"]
    (caught,) = server.messages
    header, _, rest = caught.content.partition(b"\r\n\r\n")
    assert rest == body
    for field in (b"Received:", b"From: <sender@transparentproxy.com>", b"Date: ", b"Message-ID: <"):
        assert field in header
    assert caught.rcpt_tos == ("receiver@transparentproxy.com",)


def test_a_mistake_of_ours_ends_one_connection_and_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise LookupError("here")

    monkeypatch.setattr("doors.relay.submission.for_rcpt", broken)
    with (
        ScriptedServer() as server,
        RunningRelay(asset=asset_file(tmp_path, port=server.port)) as relay,
        Talk(relay.port) as client,
    ):
        client.say("MAIL FROM:<a@x.test>")
        assert client.say("RCPT TO:<b@x.test>").startswith("421 4.3.0 ")
        assert client.is_closed
        assert "LookupError" in relay.heard.wait_for("connection was cut off")
        with Talk(relay.port) as other:
            assert other.say("MAIL FROM:<a@x.test>").startswith("250")


def test_a_server_that_can_not_be_reached_is_told_at_mail(tmp_path: Path) -> None:
    with ScriptedServer(Settings()) as server:
        port = server.port
    with RunningRelay(asset=asset_file(tmp_path, port=port)) as relay, Talk(relay.port) as client:
        assert client.say("EHLO me.test").startswith("250-")
        assert client.say("MAIL FROM:<a@x.test>").startswith("451 4.4.1 ")
        assert client.say("RCPT TO:<a@x.test>").startswith("503 ")


def test_a_login_that_fails_is_told_at_mail_with_the_remedy_and_not_tried_again_and_again(
    tmp_path: Path,
) -> None:
    settings = Settings(auth=("PLAIN",), logins={"ann": "right"})
    with ScriptedServer(settings) as server:
        asset = asset_file(tmp_path, port=server.port, username="ann", password="wrong-password")
        with RunningRelay(asset=asset) as relay, Talk(relay.port) as client:
            client.say("EHLO me.test")
            for _ in range(3):
                refusal = client.say("MAIL FROM:<a@x.test>")
                assert refusal.startswith(("454 4.7.0 ", "454-4.7.0 "))
                assert "535" in refusal
                assert "wrong-password" not in refusal
            assert "wrong-password" not in relay.heard.text
        assert server.log.verbs().count("AUTH") == 1
