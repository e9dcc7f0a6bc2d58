"""send rawemail: the message goes as it is, but for its line ends, its Bcc fields, and what it forgot to declare."""

from __future__ import annotations

from email.message import EmailMessage

import pytest

from tests.support.catcher import Catcher
from tests.support.fixtures import Inbox
from tests.support.mail import Mail
from tests.support.running import Runner, asset

FROM_TO = "From: a@example.com\nTo: b@example.com\n"


def sent(run: Runner, catcher: Catcher, inbox: Inbox, raw: str) -> bytes:
    """The octets that arrived."""
    result = run("send_rawemail", asset(catcher), {"raw_email": raw})
    assert result.message == "Email sent"
    assert result.data["size"] == len(inbox.only.content)
    return inbox.only.content


def refusal(run: Runner, catcher: Catcher, inbox: Inbox, raw: str) -> str:
    """The message of a result with which nothing was sent."""
    result = run("send_rawemail", asset(catcher), {"raw_email": raw})
    assert not result.succeeded
    assert result.failure["step"] == "parameters"
    assert inbox.is_empty
    return result.message


class TestTheExamplesOfTheStockApp:
    def test_the_first(self, run: Runner, catcher: Catcher, inbox: Inbox) -> None:
        raw = r"to:receiver@testdomain.com\nfrom:sender@testdomain.com\nsubject:Test\n\nThis is body text"
        assert sent(run, catcher, inbox, raw) == (
            b"to:receiver@testdomain.com\r\nfrom:sender@testdomain.com\r\nsubject:Test\r\n\r\nThis is body text\r\n"
        )
        assert inbox.only.mail_from == "sender@testdomain.com"
        assert inbox.only.rcpt_tos == ("receiver@testdomain.com",)

    SECOND = (
        r"to:receiver@testdomain.com\nfrom:sender@testdomain.com\nContent-type:text/html\nsubject:HTML Test\n\n"
        "<html><body><h2>This is test</h2><br>This is some üñîçøðé data.</body></html>"
    )

    def test_the_second(self, run: Runner, catcher: Catcher, inbox: Inbox) -> None:
        mail = Mail(sent(run, catcher, inbox, self.SECOND))
        assert mail.parsed.get_content_type() == "text/html"
        assert mail.parsed.get_content_charset() == "utf-8"
        assert (mail["MIME-Version"], mail["Content-Transfer-Encoding"]) == ("1.0", "8bit")
        assert mail.leaves[0].text.startswith(
            "<html><body><h2>This is test</h2><br>This is some üñîçøðé data."
        )
        assert "BODY=8BITMIME" in inbox.only.mail_parameters

    def test_the_second_where_the_server_takes_7_bit_only(
        self, run: Runner, simple_catcher: Catcher, simple_inbox: Inbox
    ) -> None:
        content = sent(run, simple_catcher, simple_inbox, self.SECOND)
        assert content.isascii()
        assert "This is some üñîçøðé data." in Mail(content).leaves[0].text

    def test_the_third(self, run: Runner, catcher: Catcher, inbox: Inbox) -> None:
        raw = (
            r"to:receiver1@testdomain.com,receiver2@testdomain.com\nfrom:sender@testdomain.com\n"
            r"subject:CommaSeparated Recipients Test\n\nThis is test data."
        )
        mail = Mail(sent(run, catcher, inbox, raw))
        assert inbox.only.rcpt_tos == ("receiver1@testdomain.com", "receiver2@testdomain.com")
        assert mail["subject"] == "CommaSeparated Recipients Test"
        assert mail.text == "This is test data.\n"

    @pytest.mark.parametrize(
        "raw",
        [
            r"to: receiver@testdomain.com\n from:sender@testdomain.com\n subject: Test\n\nBody Text",
            r"to: receiver@testdomain.com\r\nfrom:sender@testdomain.com\r\nsubject: Test\r\n\r\nBody Text",
            "to: receiver@testdomain.com\nfrom:sender@testdomain.com\nsubject: Test\n\nBody Text",
            "to: receiver@testdomain.com\r\nfrom:sender@testdomain.com\r\nsubject: Test\r\n\r\nBody Text",
            "\n\nto: receiver@testdomain.com\rfrom:sender@testdomain.com\rsubject: Test\r\rBody Text",
        ],
    )
    def test_line_ends_may_be_written_in_any_way(
        self, run: Runner, catcher: Catcher, inbox: Inbox, raw: str
    ) -> None:
        mail = Mail(sent(run, catcher, inbox, raw))
        assert (mail["to"], mail["from"]) == ("receiver@testdomain.com", "sender@testdomain.com")
        assert (mail["subject"], mail.text) == ("Test", "Body Text\n")

    def test_a_literal_line_end_behind_a_real_one_is_text(
        self, run: Runner, catcher: Catcher, inbox: Inbox
    ) -> None:
        raw = FROM_TO + "Subject: a path\n\n" + r"C:\new\names" + "\n"
        assert sent(run, catcher, inbox, raw).endswith(b"\r\n\r\n" + rb"C:\new\names" + b"\r\n")


class TestAsItIs:
    def test_order_folding_and_octets_are_kept(self, run: Runner, catcher: Catcher, inbox: Inbox) -> None:
        raw = (
            "X-First: 1\r\nfROM:   a@example.com\r\nTo: =?iso-8859-1?q?J=FCrgen?= <b@example.com>,\r\n"
            "\tc@example.com\r\nSubject: folded\r\n  in an odd\r\n\tway\r\nX-Twice: a\r\nX-Twice: b\r\n"
            "Content-Type: text/plain\r\n\r\n.\r\n..dots\r\nBcc: not a header\r\n\r\ntrailing space \r\n"
        )
        assert sent(run, catcher, inbox, raw) == raw.encode()

    def test_what_the_standard_library_made_arrives_as_it_made_it(
        self, run: Runner, catcher: Catcher, inbox: Inbox
    ) -> None:
        message = EmailMessage()
        message["From"], message["To"] = "Jürgen <a@example.com>", "b@example.com"
        message["Subject"] = "Grüße"
        message.set_content("Text: ü\n")
        message.add_alternative("<p>ü</p>", subtype="html")
        message.add_attachment(bytes(range(256)), maintype="image", subtype="png", filename="ü.png")
        raw = message.as_string()
        assert sent(run, catcher, inbox, raw) == raw.replace("\n", "\r\n").encode()

    def test_no_field_is_added(self, run: Runner, catcher: Catcher, inbox: Inbox) -> None:
        assert (
            sent(run, catcher, inbox, FROM_TO + "\nHello")
            == FROM_TO.replace("\n", "\r\n").encode() + b"\r\nHello\r\n"
        )

    def test_the_result_has_the_messages_own_id(self, run: Runner, catcher: Catcher) -> None:
        raw = FROM_TO + "Message-ID: <own@example.com>\n\nHello"
        assert (
            run("send_rawemail", asset(catcher), {"raw_email": raw}).data["message_id"] == "<own@example.com>"
        )

    def test_a_header_alone_is_a_message(self, run: Runner, catcher: Catcher, inbox: Inbox) -> None:
        assert Mail(sent(run, catcher, inbox, FROM_TO.rstrip("\n"))).body == b""


class TestBcc:
    def test_every_bcc_field_is_removed_and_receives(
        self, run: Runner, catcher: Catcher, inbox: Inbox
    ) -> None:
        raw = (
            "BCC: one@example.com\n"
            + FROM_TO
            + "bcc : two@example.com,\n three@example.com,\n\tfour@example.com\n"
            "Subject: x\nBcc:\nbCC:\n five@example.com\n\nBcc: six@example.com\n"
        )
        content = sent(run, catcher, inbox, raw)
        hidden = [f"{name}@example.com" for name in ("one", "two", "three", "four", "five")]
        assert set(inbox.only.rcpt_tos) == {"b@example.com", *hidden}
        assert not any(address.encode() in content for address in hidden)
        assert content.endswith(b"Subject: x\r\n\r\nBcc: six@example.com\r\n")

    def test_resent_bcc_is_not_shown_either(self, run: Runner, catcher: Catcher, inbox: Inbox) -> None:
        resent = "Resent-From: r@example.com\nResent-Bcc: hidden@example.com\n"
        content = sent(run, catcher, inbox, f"{resent}{FROM_TO}\nx")
        assert b"hidden" not in content
        assert (inbox.only.mail_from, inbox.only.rcpt_tos) == ("r@example.com", ("hidden@example.com",))


class TestEnvelope:
    def test_recipients_are_those_of_to_cc_and_bcc_once(
        self, run: Runner, catcher: Catcher, inbox: Inbox
    ) -> None:
        raw = (
            "From: a@example.com\nTo: b@example.com, Group: c@example.com;\nCc: B@example.com\n"
            "To: d@example.com\nBcc: e@example.com\nReply-To: f@example.com\n\nx"
        )
        sent(run, catcher, inbox, raw)
        assert inbox.only.rcpt_tos == tuple(f"{letter}@example.com" for letter in "bcde")

    @pytest.mark.parametrize(
        ("header", "sender"),
        [
            ("From: Ann <a@example.com>", "a@example.com"),
            ("From: a@example.com\nSender: s@example.com", "a@example.com"),
            ("From: a@example.com, b@example.com\nSender: s@example.com", "s@example.com"),
            ("From: a@example.com, b@example.com", "a@example.com"),
        ],
    )
    def test_the_sender_is_from(
        self, run: Runner, catcher: Catcher, inbox: Inbox, header: str, sender: str
    ) -> None:
        sent(run, catcher, inbox, f"{header}\nTo: b@example.com\n\nx")
        assert inbox.only.mail_from == sender

    def test_the_assets_sender_does_not_stand_in(self, run: Runner, catcher: Catcher, inbox: Inbox) -> None:
        assert refusal(run, catcher, inbox, "To: b@example.com\n\nx") == (
            "Nothing was sent: The sender (from) is unavailable"
        )

    def test_without_recipients_nothing_is_sent(self, run: Runner, catcher: Catcher, inbox: Inbox) -> None:
        assert refusal(run, catcher, inbox, "From: a@example.com\nTo: undisclosed-recipients:;\n\nx") == (
            "Nothing was sent: The recipient (to) is unavailable"
        )

    @pytest.mark.parametrize("raw", ["just text", "\n\n", " ", "<html>", "{}", "Subject: only"])
    def test_what_is_no_message_lacks_both(
        self, run: Runner, catcher: Catcher, inbox: Inbox, raw: str
    ) -> None:
        message = refusal(run, catcher, inbox, raw)
        assert "The sender (from) is unavailable" in message
        assert "The recipient (to) is unavailable" in message

    def test_bad_addresses_are_named_with_their_header(
        self, run: Runner, catcher: Catcher, inbox: Inbox
    ) -> None:
        message = refusal(run, catcher, inbox, "From: a@\nTo: b@example.com, c\nCc: <d@example.com\n\nx")
        for named in ("raw_email: From: 'a@'", "raw_email: To: 'c'", "raw_email: Cc: '<d@example.com'"):
            assert named in message


class TestUndeclaredText:
    @pytest.mark.parametrize(
        ("header", "content_type"),
        [
            ("", "text/plain"),
            ("Content-Type: text/html\n", "text/html"),
            ("MIME-Version: 1.0\nContent-Type: text/plain; format=flowed\n", "text/plain"),
        ],
    )
    def test_it_is_declared_to_be_utf_8(
        self, run: Runner, catcher: Catcher, inbox: Inbox, header: str, content_type: str
    ) -> None:
        mail = Mail(sent(run, catcher, inbox, FROM_TO + header + "\nGrüße\n"))
        assert (mail.parsed.get_content_type(), mail.parsed.get_content_charset()) == (content_type, "utf-8")
        assert mail.all("MIME-Version") == ["1.0"]
        assert mail.leaves[0].text == "Grüße\n"

    def test_ascii_is_left_alone(self, run: Runner, catcher: Catcher, inbox: Inbox) -> None:
        assert b"MIME-Version" not in sent(
            run, catcher, inbox, FROM_TO + "Content-Type: text/html\n\n<p>x</p>"
        )

    def test_a_declared_charset_is_left_alone(self, run: Runner, catcher: Catcher, inbox: Inbox) -> None:
        raw = (
            FROM_TO + 'Content-Type: text/plain; charset="utf-8"\nContent-Transfer-Encoding: 8bit\n\nGrüße\n'
        )
        assert sent(run, catcher, inbox, raw) == raw.replace("\n", "\r\n").encode()

    @pytest.mark.parametrize("charset", ["iso-8859-1", '"windows-1252"', "US-ASCII; format=flowed"])
    def test_one_that_is_not_that_of_the_text_is_warned_of(
        self, run: Runner, catcher: Catcher, charset: str
    ) -> None:
        raw = FROM_TO + f"Content-Type: text/plain; charset={charset}\n\nGrüße\n"
        result = run("send_rawemail", asset(catcher), {"raw_email": raw})
        name = charset.partition(";")[0].strip('"')
        assert result.warnings == [f"the body is UTF-8, and its Content-Type says '{name}'"]

    def test_what_a_7_bit_server_can_not_take_as_it_is_fails(
        self, run: Runner, simple_catcher: Catcher, simple_inbox: Inbox
    ) -> None:
        raw = FROM_TO + "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\nGrüße\n"
        assert "8BITMIME" in refusal(run, simple_catcher, simple_inbox, raw)

    def test_a_header_that_is_not_ascii_needs_smtputf8(
        self, run: Runner, catcher: Catcher, simple_catcher: Catcher, inbox: Inbox, simple_inbox: Inbox
    ) -> None:
        raw = FROM_TO + "Subject: Grüße\n\nx\n"
        assert "Subject: Grüße\r\n".encode() in sent(run, catcher, inbox, raw)
        assert "SMTPUTF8" in inbox.only.mail_parameters
        message = refusal(run, simple_catcher, simple_inbox, raw)
        assert "the header Subject is not ASCII" in message
        assert "Enable SMTPUTF8 support" in message

    def test_the_switch_for_unicode_is_not_about_raw_mail(
        self, run: Runner, catcher: Catcher, inbox: Inbox
    ) -> None:
        result = run("send_rawemail", asset(catcher, encoding=False), {"raw_email": FROM_TO + "\nGrüße"})
        assert result.succeeded
        assert Mail(inbox.only.content).text == "Grüße\n"


class TestWhatMailCanNotCarry:
    def test_a_nul(self, run: Runner, catcher: Catcher, inbox: Inbox) -> None:
        assert "raw_email: line 4 has a NUL" in refusal(run, catcher, inbox, FROM_TO + "\na\0b")

    def test_half_a_character(self, run: Runner, catcher: Catcher, inbox: Inbox) -> None:
        assert r"raw_email: '\ud83d'" in refusal(run, catcher, inbox, FROM_TO + "\n\ud83d")

    def test_a_line_that_is_too_long(self, run: Runner, catcher: Catcher, inbox: Inbox) -> None:
        message = refusal(run, catcher, inbox, FROM_TO + "\nshort\n" + "x" * 999 + "\n")
        assert "raw_email: line 5 has 999 octets" in message
