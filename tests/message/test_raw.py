"""Raw messages: as they are, but for line ends and Bcc."""

from __future__ import annotations

from contextlib import suppress
from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from message.compose import Message
from message.errors import MessageError
from message.raw import parse_raw
from smtp.envelope import Body
from tests.message.reading import octets
from tests.support.growth import grows_linearly

EXAMPLE_1 = r"to:receiver@testdomain.com\nfrom:sender@testdomain.com\nsubject:Test\n\nThis is body text"
EXAMPLE_2 = (
    r"to:receiver@testdomain.com\nfrom:sender@testdomain.com\nContent-type:text/html\nsubject:HTML Test\n\n"
    r"<html><body><h2>This is test</h2><br>This is some üñîçøðé data.</body></html>"
)
EXAMPLE_3 = (
    r"to:receiver1@testdomain.com,receiver2@testdomain.com\nfrom:sender@testdomain.com\n"
    r"subject:CommaSeparated Recipients Test\n\nThis is test data."
)
HEAD = "From: a@x\nTo: b@x\n"


def raw(text: str | bytes, *, eight_bit: bool = True, smtputf8: bool = False) -> Message:
    return parse_raw(text).compose(eight_bit=eight_bit, smtputf8=smtputf8)


def read(message: Message) -> EmailMessage:
    return message_from_bytes(octets(message), policy=policy.default)


def recipients(message: Message) -> list[str]:
    return [str(address) for address in message.envelope.recipients]


def fault(text: str | bytes, *, eight_bit: bool = True, smtputf8: bool = False) -> str:
    with pytest.raises(MessageError) as caught:
        raw(text, eight_bit=eight_bit, smtputf8=smtputf8)
    return str(caught.value)


def test_first_example() -> None:
    message = raw(EXAMPLE_1)
    assert str(message.envelope.sender) == "sender@testdomain.com"
    assert recipients(message) == ["receiver@testdomain.com"]
    assert octets(message) == (
        b"to:receiver@testdomain.com\r\nfrom:sender@testdomain.com\r\nsubject:Test\r\n\r\nThis is body text\r\n"
    )


@pytest.mark.parametrize(("eight_bit", "encoding"), [(True, "8bit"), (False, "quoted-printable")])
def test_second_example_declares_what_its_body_is(eight_bit: bool, encoding: str) -> None:
    message = raw(EXAMPLE_2, eight_bit=eight_bit)
    assert message.envelope.body is (Body.EIGHT_BIT if eight_bit else Body.SEVEN_BIT)
    assert octets(message).isascii() is not eight_bit
    mail = read(message)
    assert list(mail.keys()) == [
        "to",
        "from",
        "Content-type",
        "subject",
        "Content-Transfer-Encoding",
        "MIME-Version",
    ]
    assert (mail["Content-Type"], mail["Content-Transfer-Encoding"]) == (
        'text/html; charset="utf-8"',
        encoding,
    )
    assert "This is some üñîçøðé data." in mail.get_content()


def test_third_example_goes_to_both() -> None:
    message = raw(EXAMPLE_3)
    assert recipients(message) == ["receiver1@testdomain.com", "receiver2@testdomain.com"]
    assert read(message).get_content().strip() == "This is test data."


def test_spaces_after_literal_line_breaks_do_not_continue_a_field() -> None:
    message = raw(
        r"to: a@x\n from:b@x\n Content-type: text/html\nsubject: HTML Test\n<html>Hi\n there</html>"
    )
    assert (str(message.envelope.sender), recipients(message)) == ("b@x", ["a@x"])
    assert octets(message).endswith(b"subject: HTML Test\r\n\r\n<html>Hi\r\n there</html>\r\n")
    assert "the body is taken to begin with '<html>Hi'" in message.warnings[0]


def test_literal_line_breaks_stay_when_there_is_a_real_one_first() -> None:
    message = raw("From: a@x\nTo: b@x\nSubject: C:\\new\n\nC:\\r\\new\\n")
    assert read(message)["Subject"] == "C:\\new"
    assert octets(message).endswith(b"\r\n\r\nC:\\r\\new\\n\r\n")


def test_literal_carriage_returns_go_with_their_line_breaks() -> None:
    assert octets(raw(r"From: a@x\r\nTo: b@x\r\n\r\nbody\nend")).endswith(b"To: b@x\r\n\r\nbody\r\nend\r\n")


def test_order_folding_encodings_and_body_are_left_alone() -> None:
    text = (
        b'X-Last: 1\r\nsubject:  =?utf-8?q?=C3=A4?=\r\n\t folded \r\nFROM: "A, B" <a@x>\r\nTo: b@x\r\n'
        b"Content-Transfer-Encoding: base64\r\nX-Odd : y\r\n\r\nSGk=\r\n.\r\n\r\n trailing \t\r\n\r\n\r\n"
    )
    assert octets(raw(text)) == text


@pytest.mark.parametrize("end", ["\n", "\r", "\r\n"])
def test_every_line_end_becomes_crlf(end: str) -> None:
    assert octets(raw(end.join(["From: a@x", "To: b@x", "", "one", ".", "two"]))) == (
        b"From: a@x\r\nTo: b@x\r\n\r\none\r\n.\r\ntwo\r\n"
    )


def test_smuggled_ends_of_a_message_become_ordinary_lines() -> None:
    for end in ("\n.\n", "\r.\r", "\n.\r\n", "\r\n.\r", "\r.\n"):
        data = octets(raw(f"From: a@x\r\nTo: b@x\r\n\r\nbody{end}MAIL FROM:<evil@x>"))
        assert data.count(b"\r\n") == data.count(b"\n") == data.count(b"\r")
        assert data.endswith(b"body\r\n.\r\nMAIL FROM:<evil@x>\r\n")


@pytest.mark.parametrize("name", ["Bcc", "BCC", "bcc", "Bcc ", "bCc\t "])
def test_every_bcc_is_removed_however_it_is_written(name: str) -> None:
    message = raw(
        f"From: a@x\n{name}: c@x,\n d@x,\n\te@x\nTo: b@x\n{name}:f@x\nX-Bcc: stays\n\nBcc: in the body"
    )
    assert recipients(message) == ["b@x", "c@x", "d@x", "e@x", "f@x"]
    assert octets(message) == b"From: a@x\r\nTo: b@x\r\nX-Bcc: stays\r\n\r\nBcc: in the body\r\n"


def test_recipients_are_all_of_to_cc_and_bcc_once() -> None:
    message = raw("From: a@x\nCc: c@x, B@x\nTo: b@x, Team: d@x, e@x;\nTo: f@x\nBcc: c@X, undisclosed:;\n\n")
    assert recipients(message) == ["b@x", "d@x", "e@x", "f@x", "c@x"]


@pytest.mark.parametrize(
    ("head", "sender"),
    [
        ("From: a@x", "a@x"),
        ("From: a@x, b@x", "a@x"),
        ("From: a@x, b@x\nSender: c@x", "c@x"),
        ("From: a@x\nSender: c@x", "a@x"),
        ('From: "a@evil> X=y"@x', '"a@evil> X=y"@x'),
        ("From: =?utf-8?b?w6Q=?=\n <a@x>", "a@x"),
    ],
)
def test_sender_is_the_author_or_of_several_who_sent_it(head: str, sender: str) -> None:
    assert str(raw(f"{head}\nTo: t@x\n\n").envelope.sender) == sender


def test_missing_sender_and_recipient_have_their_words() -> None:
    assert fault("To: b@x\n\nx") == "The sender (from) is unavailable"
    assert fault("From: a@x\n\nx") == "The recipient (to) is unavailable"
    assert fault("From:\nTo: b@x\n\n") == "The sender (from) is unavailable"
    for empty in ("", "\n\n", "just text", b"\x00"[:0], "Subject: x\n\nFrom: a@x\nTo: b@x"):
        assert fault(empty) == "The sender (from) is unavailable; The recipient (to) is unavailable"


def test_bad_addresses_name_themselves_and_their_header() -> None:
    text = fault("From: a b@x\nTo: c@x, nobody\nCc: d@ok(x)evil\n\n")
    assert "raw_email: From: 'a b@x'" in text
    assert "raw_email: To: 'nobody'" in text
    assert "raw_email: Cc: 'd@ok(x)evil'" in text
    assert "unavailable" not in text


def test_message_id_is_its_own_and_nothing_is_added() -> None:
    assert raw(f"{HEAD}Message-ID:\n <m@x>\n\n").message_id == "<m@x>"
    message = raw(f"{HEAD}\nx")
    assert message.message_id == ""
    assert list(read(message).keys()) == ["From", "To"]


def test_header_alone_is_a_message() -> None:
    assert octets(raw("From: a@x\nTo: b@x")) == b"From: a@x\r\nTo: b@x\r\n\r\n"


@pytest.mark.parametrize("before", ["\n\n", " \n", "\ufeff", "From a@x Mon Jan  2 15:04:05 2023\n"])
def test_what_is_before_the_header_is_no_part_of_it(before: str) -> None:
    assert octets(raw(f"{before}{HEAD}\nx")) == b"From: a@x\r\nTo: b@x\r\n\r\nx\r\n"


@pytest.mark.parametrize(
    ("declared", "eight_bit", "added"),
    [
        ("", True, ["Content-Type", "Content-Transfer-Encoding", "MIME-Version"]),
        ("", False, ["Content-Type", "Content-Transfer-Encoding", "MIME-Version"]),
        ("MIME-Version: 1.0\n", True, ["Content-Type", "Content-Transfer-Encoding"]),
        ('Content-Type: text/html; x="; charset=y" ;\n', True, ["Content-Transfer-Encoding", "MIME-Version"]),
        ("Content-Type:\n", True, ["Content-Transfer-Encoding", "MIME-Version"]),
        ("Content-Transfer-Encoding: 8bit\n", True, ["Content-Type", "MIME-Version"]),
    ],
)
def test_undeclared_text_is_declared_and_nothing_else_is_added(
    declared: str, eight_bit: bool, added: list[str]
) -> None:
    before = parse_raw(f"{HEAD}{declared}\nü")
    mail = read(raw(f"{HEAD}{declared}\nü", eight_bit=eight_bit))
    assert list(mail.keys())[len(before.fields) :] == added
    assert mail.get_content_charset() == "utf-8"
    assert mail.get_content() in ("ü\n", "ü\r\n")


@pytest.mark.parametrize(
    "declared",
    [
        "Content-Type: text/plain; charset=iso-8859-1\n",
        "Content-Type: text/plain; CHARSET*=us-ascii''latin1\n",
        "Content-Type: multipart/mixed; boundary=x\n",
        "Content-Type: application/octet-stream\n",
        "Content-Transfer-Encoding: 8bit\n",
    ],
)
def test_declared_body_goes_as_it_is_or_not_at_all(declared: str) -> None:
    text = f"{HEAD}{declared}\n".encode() + ("ü".encode() if "Encoding" in declared else b"\xfc")
    assert octets(raw(text)).endswith(text[-1:] + b"\r\n")
    assert raw(text).envelope.body is Body.EIGHT_BIT
    assert "that needs a server with 8BITMIME" in fault(text, eight_bit=False)


def test_undeclared_body_that_is_not_utf8_is_refused() -> None:
    assert "neither ASCII nor UTF-8" in fault(f"{HEAD}\n".encode() + b"\xff")


def test_header_other_than_ascii_needs_smtputf8() -> None:
    text = f"{HEAD}Subject: Grüße\n\nx"
    assert "the header Subject is not ASCII" in fault(text)
    assert "SMTPUTF8" in fault(text)
    message = raw(text, smtputf8=True)
    assert message.envelope.smtputf8
    assert message.envelope.body is Body.EIGHT_BIT
    assert "Subject: Grüße\r\n".encode() in octets(message)


def test_hidden_recipient_other_than_ascii_needs_smtputf8_too() -> None:
    text = f"{HEAD}Bcc: jörg@x\n\nx"
    assert "the recipient 'jörg@x' is not ASCII" in fault(text)
    assert raw(text, smtputf8=True).envelope.smtputf8
    assert recipients(raw(f"{HEAD}Bcc: c@bücher.example\n\nx"))[1] == "c@xn--bcher-kva.example"


def test_header_that_is_neither_ascii_nor_utf8_is_named() -> None:
    assert "the header 'subject' is neither ASCII nor UTF-8" in fault(
        b"From: a@x\nTo: b@x\nSubject: \xff\n\n", smtputf8=True
    )


def test_long_lines_are_named_and_not_folded() -> None:
    assert "line 5 has 999 octets" in fault(f"{HEAD}\nok\n{'x' * 999}\n")
    assert "line 3 has 1002 octets" in fault(f"{HEAD}X: {'x' * 999}\n\nü")
    assert octets(raw(f"{HEAD}\n{'x' * 998}"))
    assert max(map(len, octets(raw(f"{HEAD}\nü{'x' * 2000}")).split(b"\r\n"))) <= 76


def test_nul_is_named_with_its_line() -> None:
    assert fault(f"{HEAD}\na\nb\x00") == "raw_email: line 5 has a NUL, which mail can't carry"


def test_half_a_character_is_refused() -> None:
    assert fault(f"{HEAD}\n\ud83d") == r"raw_email: '\ud83d' is half a character"


def test_everything_wrong_is_said_at_once() -> None:
    text = fault(f"From: x\nTo: y\nX: {'x' * 999}\n\n\x00")
    assert text.count("raw_email: ") == 4


@settings(max_examples=150)
@given(st.text(alphabet="ab@x:, \t\r\n\\nBccTFromü", max_size=120))
def test_whatever_the_text_the_result_is_well_formed(text: str) -> None:
    with suppress(MessageError):
        message = raw(f"{HEAD}{text}", eight_bit=False)
        data = octets(message)
        assert data.count(b"\r\n") == data.count(b"\n") == data.count(b"\r")
        assert data.isascii()
        head = data.partition(b"\r\n\r\n")[0].lower()
        assert not [
            line for line in head.split(b"\r\n") if line.replace(b"\t", b" ").split(b":")[0].strip() == b"bcc"
        ]


@pytest.mark.parametrize(("start", "piece"), [("To: ", "("), ("", "X: y\n"), ("", "\n"), ("X:\n", " y\n")])
def test_a_megabyte_takes_time_in_proportion(start: str, piece: str) -> None:
    def take_apart(size: int) -> None:
        with suppress(MessageError):
            raw(f"From: a@x\nTo: b@x\n{start}{piece * (size // len(piece))}")

    assert grows_linearly(take_apart, 250_000)


RESENT = """Resent-From: r@x
Resent-To: new@x
Resent-Bcc: unseen@x
Resent-Date: Thu, 1 Jan 2026 00:00:00 +0000
Received: by x; Thu, 1 Jan 2026 00:00:00 +0000
Resent-From: older@x
Resent-To: older@x
"""


def test_a_mail_that_was_resent_goes_to_whom_it_was_resent_to() -> None:
    message = raw(f"{RESENT}{HEAD}Cc: c@x\n\nx")
    assert str(message.envelope.sender) == "r@x"
    assert [str(a) for a in message.envelope.recipients] == ["new@x", "unseen@x"]
    assert b"Resent-To: new@x\r\n" in octets(message)
    assert b"Resent-To: older@x\r\n" in octets(message)
    assert b"unseen@x" not in octets(message)


def test_the_newest_block_ends_where_a_name_comes_again() -> None:
    message = raw(f"Resent-Cc: a1@x\nResent-From: r1@x\nResent-From: r2@x\nResent-To: a2@x\n{HEAD}\nx")
    assert str(message.envelope.sender) == "r1@x"
    assert [str(a) for a in message.envelope.recipients] == ["a1@x"]


def test_of_several_who_resent_it_the_one_who_sent_it_is_the_sender() -> None:
    message = raw(f"Resent-From: r1@x, r2@x\nResent-Sender: r3@x\nResent-To: a1@x\n{HEAD}\nx")
    assert str(message.envelope.sender) == "r3@x"


def test_a_block_without_recipients_is_no_resending() -> None:
    assert [str(a) for a in raw(f"Resent-Date: x\n{HEAD}\nx").envelope.recipients] == ["b@x"]


def test_a_block_without_who_resent_it_has_no_sender() -> None:
    assert "The sender (from) is unavailable" in fault(f"Resent-To: new@x\n{HEAD}\nx")


def test_a_name_folded_before_a_tab_is_a_name() -> None:
    message = raw('From: "Doe,\n\tJane" <a@x>\nTo: =?us-ascii?q?a?=\n\t=?utf-8?q?b?= <b@x>\n\nx')
    assert [str(a) for a in message.envelope.recipients] == ["b@x"]
    assert message.warnings == ()


def test_many_different_fields_of_another_charset_take_time_in_proportion() -> None:
    def take_apart(count: int) -> None:
        fields = b"".join(b"X-%d: \xff\n" % number for number in range(count))
        with pytest.raises(MessageError, match="the header 'x-0' is neither ASCII nor UTF-8"):
            parse_raw(HEAD.encode() + fields + b"\nx")

    assert grows_linearly(take_apart, 2_500)
