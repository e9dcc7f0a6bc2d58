"""The reply reader: every case whole, byte by byte, and with something behind it."""

from __future__ import annotations

import pytest

from smtp.reply import MAX_LINE, MAX_LINES, MAX_SHOWN, Reply, ReplyReader, ReplySyntaxError

REPLIES = [
    (b"250 ok\r\n", Reply(250, ("ok",))),
    (b"250\r\n", Reply(250, ("",))),
    (b"250 \r\n", Reply(250, ("",))),
    (b"250 bare line feed\n", Reply(250, ("bare line feed",))),
    (b"250-one\r\n250-two\r\n250 three\r\n", Reply(250, ("one", "two", "three"))),
    (b"250-\r\n250\r\n", Reply(250, ("", ""))),
    (b"550 5.1.1 no such user\r\n", Reply(550, ("5.1.1 no such user",))),
    ("250 grüß\r\n".encode(), Reply(250, ("grüß",))),
    (b"250 \xff\r\n", Reply(250, ("�",))),
    (b"334 " + b"A" * 12_288 + b"\r\n", Reply(334, ("A" * 12_288,))),
    (b"199 odd\r\n", Reply(199, ("odd",))),
]


def read_all(pieces: list[bytes]) -> list[Reply]:
    reader = ReplyReader()
    replies = []
    for piece in pieces:
        reader.feed(piece)
        while (reply := reader.next_reply()) is not None:
            replies.append(reply)
    return replies


@pytest.mark.parametrize(("octets", "reply"), REPLIES)
def test_a_reply_is_the_same_whole_and_byte_by_byte(octets: bytes, reply: Reply) -> None:
    assert read_all([octets]) == [reply]
    assert read_all([octets[i : i + 1] for i in range(len(octets))]) == [reply]


@pytest.mark.parametrize(("octets", "reply"), REPLIES)
def test_what_follows_a_reply_is_kept_for_the_next(octets: bytes, reply: Reply) -> None:
    assert read_all([octets + b"221 bye\r\n"]) == [reply, Reply(221, ("bye",))]


@pytest.mark.parametrize(("octets", "reply"), REPLIES)
def test_a_reply_without_its_end_is_no_reply(octets: bytes, reply: Reply) -> None:
    reader = ReplyReader()
    reader.feed(octets[:-1])
    assert reader.next_reply() is None
    assert not reader.is_empty


@pytest.mark.parametrize(
    "octets",
    [
        b"hello\r\n",
        b"\r\n",
        b"25\r\n",
        b"2500 four digits\r\n",
        b"250_ok\r\n",
        b" 250 ok\r\n",
        b"650 no such class\r\n",
        b"050 no such class\r\n",
        b"250-one\r\n251 two\r\n",
        b"550-no\r\n250 ok\r\n",
        b"250-one\r\nnonsense\r\n",
        b"\x16\x03\x01\x02\x00\n",
        "２５０ ok\r\n".encode(),
    ],
)
def test_what_is_no_reply_is_refused_whole_and_byte_by_byte(octets: bytes) -> None:
    with pytest.raises(ReplySyntaxError):
        read_all([octets])
    with pytest.raises(ReplySyntaxError):
        read_all([octets[i : i + 1] for i in range(len(octets))])


def test_a_line_without_an_end_is_given_up_at_the_bound() -> None:
    reader = ReplyReader()
    reader.feed(b"250 " + b"x" * MAX_LINE)
    with pytest.raises(ReplySyntaxError, match="reply line of more than"):
        reader.next_reply()


def test_a_reply_without_an_end_is_given_up_at_the_bound() -> None:
    reader = ReplyReader()
    reader.feed(b"250-more\r\n" * (MAX_LINES + 1))
    with pytest.raises(ReplySyntaxError, match="lines"):
        reader.next_reply()


@pytest.mark.parametrize(
    ("line", "enhanced"),
    [
        ("5.1.1 no such user", "5.1.1"),
        ("5.7.139", "5.7.139"),
        ("2.1.1 of another class", ""),
        ("5.1 too short", ""),
        ("5.1.1234 too long", ""),
        ("5.1.1no space", ""),
        ("no code", ""),
    ],
)
def test_an_enhanced_code_counts_when_its_class_fits_the_reply(line: str, enhanced: str) -> None:
    assert Reply(550, (line,)).enhanced_code == enhanced


def test_the_text_has_no_repeated_enhanced_codes() -> None:
    reply = Reply(550, ("5.7.1 first", "5.7.1 second"))
    assert reply.text == "first second"
    assert str(reply) == "550 5.7.1 first second"


def test_what_a_server_says_cannot_take_over_a_terminal() -> None:
    text = Reply(550, ("\x1b[2J\x07 gone \u202egnp.exe \x9b31m",)).text
    assert text.isprintable()
    assert len(Reply(550, ("x" * 5000,)).text) == MAX_SHOWN


def test_a_secret_that_the_server_repeats_is_hidden() -> None:
    reader = ReplyReader()
    reader.conceal("pass word")
    reader.conceal("tiny")
    reader.feed(b"500-what is AUTH PLAIN cGFzcyB3b3Jk\r\n500 or pass word, or tiny\r\n334 cGFzcyB3b3Jk\r\n")
    refusal, challenge = reader.next_reply(), reader.next_reply()
    assert refusal is not None
    assert refusal.text == "what is AUTH PLAIN <hidden> or <hidden>, or <hidden>"
    assert challenge is not None
    assert challenge.lines == ("cGFzcyB3b3Jk",)


def test_a_secret_is_hidden_in_what_was_heard_before_it_was_known() -> None:
    reader = ReplyReader()
    reader.feed(b"500 what is pass word\r\n" * 2)
    assert [reply.text for reply in (reader.next_reply(), reader.next_reply()) if reply] == [
        "what is pass word"
    ] * 2
    reader.conceal("pass word")
    reader.feed(b"500 what is pass word\r\n" * 2)
    assert [reply.text for reply in (reader.next_reply(), reader.next_reply()) if reply] == [
        "what is <hidden>"
    ] * 2


def test_a_line_that_was_a_reply_before_ends_one_of_several_lines() -> None:
    reader = ReplyReader()
    reader.feed(b"250 b\r\n250 b\r\n250-a\r\n250 b\r\n250 b\r\n")
    found = [reader.next_reply() for _ in range(4)]
    assert found == [Reply(250, ("b",)), Reply(250, ("b",)), Reply(250, ("a", "b")), Reply(250, ("b",))]
    assert reader.is_empty


def test_what_is_said_again_is_the_same_reply_however_much_was_said_before() -> None:
    reader = ReplyReader()
    for _ in range(2):
        for number in range(100):
            reader.feed(b"250 %d\r\n" % number)
            assert reader.next_reply() == Reply(250, (str(number),))


def test_a_secret_is_hidden_in_what_is_no_reply_too() -> None:
    reader = ReplyReader()
    reader.conceal("pass word")
    reader.feed(b"what is pass word\r\n")
    with pytest.raises(ReplySyntaxError, match="what is <hidden>"):
        reader.next_reply()
