"""The headers parameter: what it replaces, what it adds, what is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from message.errors import MessageError
from message.headers import parse_headers
from tests.message.reading import email, headers_of, octets, read


def values(name: str, headers: Any, **addressing: Any) -> list[str]:
    return [
        value
        for key, value in headers_of(email(headers=headers, **addressing))
        if key.lower() == name.lower()
    ]


@pytest.mark.parametrize("wrong", ["[]", "{", '"x"', "1", "{'a': 1}", "[" * 100_000, "nonsense", [1], 7])
def test_anything_but_an_object_is_refused(wrong: Any) -> None:
    with pytest.raises(MessageError, match="headers: not a JSON object"):
        parse_headers(wrong)


@pytest.mark.parametrize("nothing", [None, "", "  ", "{}", {}])
def test_no_headers_are_no_fault(nothing: Any) -> None:
    assert parse_headers(nothing) == ()


def test_text_and_object_mean_the_same() -> None:
    given = {"X-A": "1", "X-B": ["2", "3"]}
    assert parse_headers(given) == parse_headers(json.dumps(given))


def test_numbers_and_booleans_become_texts_and_null_is_left_out() -> None:
    found = parse_headers('{"X-I": 1, "X-F": 1.5, "X-B": true, "X-N": null, "X-L": [null, 2, "x"]}')
    assert [(header.name, header.text) for header in found] == [
        ("X-I", "1"),
        ("X-F", "1.5"),
        ("X-B", "true"),
        ("X-L", "2"),
        ("X-L", "x"),
    ]


def test_list_writes_its_header_several_times() -> None:
    assert values("X-A", {"X-A": ["1", "zwei: ü", "3"]}) == ["1", "zwei: ü", "3"]


def test_same_name_twice_in_the_object_is_both() -> None:
    assert values("X-A", '{"X-A": "1", "x-a": "2", "X-A": "3"}') == ["1", "2", "3"]


@pytest.mark.parametrize(
    "headers",
    [
        '{"Subject": ["a", "b"]}',
        '{"Subject": "a", "SUBJECT": "b"}',
        '{"Date": ["Mon, 02 Jan 2023 15:04:05 +0000", "Mon, 02 Jan 2023 15:04:05 +0000"]}',
        '{"To": "a@x", "to": "b@x"}',
        '{"Message-ID": "<a@x>", "Message-Id": "<b@x>"}',
        '{"From": "a@x, b@x"}',
        '{"Sender": ["a@x", "b@x"]}',
        '{"In-Reply-To": ["<a@x>", "<b@x>"]}',
    ],
)
def test_what_may_be_given_once_is_not_written_twice(headers: str) -> None:
    with pytest.raises(MessageError, match=r"only once|one address"):
        parse_headers(headers)


@pytest.mark.parametrize("name", ["Content-Type", "content-transfer-encoding", "MIME-VERSION"])
def test_headers_that_the_message_makes_are_refused(name: str) -> None:
    with pytest.raises(MessageError, match=f"headers: {name}: is made from the message"):
        parse_headers({name: "x"})


@pytest.mark.parametrize(
    ("headers", "named"),
    [
        ({"X-A": "a\r\nBcc: evil@example.com"}, "X-A"),
        ({"X-A": "a\nb"}, "X-A"),
        ({"X-A": ["ok", "a\x00b"]}, "X-A"),
        ({"X-A": "\ud83d"}, "X-A"),
        ({"X-A\r\nBcc": "evil@example.com"}, r"X-A\\r\\nBcc"),
        ({"X A": "x"}, "X A"),
        ({"": "x"}, ""),
        ({"X-A:": "x"}, "X-A:"),
        ({"X-Ä": "x"}, "X-Ä"),
        ({"X-A": {"nested": "x"}}, "X-A"),
        ({"X-A": [["nested"]]}, "X-A"),
        ({"Message-ID": "no brackets"}, "Message-ID"),
        ({"Message-ID": "<a@b> x"}, "Message-ID"),
        ({"Message-ID": "<a b@c>"}, "Message-ID"),
        ({"Message-ID": f"<{'a' * 1000}@b>"}, "Message-ID"),
        ({"Date": "yesterday"}, "Date"),
        ({"Date": "99 Jan 2023 99:99:99 +0000"}, "Date"),
        ({"References": "<ü@x>"}, "References"),
        ({"Reply-To": "nobody"}, "Reply-To"),
        ({"Bcc": "a@x, nobody"}, "Bcc"),
        ({"To": "a@x\r\nBcc: b@x"}, "To"),
    ],
)
def test_fault_names_its_header(headers: dict[str, Any], named: str) -> None:
    for given in (headers, json.dumps(headers)):
        with pytest.raises(MessageError, match=f"^headers: {named}"):
            parse_headers(given)


def test_all_faults_are_told_at_once() -> None:
    with pytest.raises(MessageError) as caught:
        parse_headers({"X A": "x", "X-B": "a\nb", "Date": "x", "Content-Type": "x"})
    assert len(caught.value.faults) == 4


def test_subject_of_the_headers_wins() -> None:
    assert values("Subject", {"subject": "Wins"}, subject="Loses") == ["Wins"]


def test_from_parameter_beats_from_of_the_headers() -> None:
    assert values("From", {"From": "h@x"}, sender="p@x") == ["p@x"]
    assert values("From", {"From": "Ä <h@x>"}) == ["Ä <h@x>"]


def test_from_of_the_headers_is_the_sender() -> None:
    assert str(email(headers={"From": "h@x"}).envelope.sender) == "h@x"


def test_to_and_cc_of_the_headers_are_shown_and_get_nothing() -> None:
    message = email(to="bob@x", cc="ann@x", headers={"To": "All <all@x>", "Cc": ["c@x", "d@x"]})
    assert [str(a) for a in message.envelope.recipients] == ["bob@x", "ann@x"]
    assert (read(message)["To"], read(message)["Cc"]) == ("All <all@x>", "c@x, d@x")


def test_empty_group_may_be_shown() -> None:
    assert values("To", {"To": "undisclosed-recipients:;"}) == ["undisclosed-recipients:;"]


def test_blank_address_header_is_as_if_not_given() -> None:
    assert values("To", {"To": " ", "Reply-To": ""}) == ["bob@example.com"]


def test_bcc_of_the_headers_gets_the_mail_and_is_never_written() -> None:
    message = email(bcc="b@x", headers={"BCC": ["c@x", "D <d@x>"]})
    assert [str(a) for a in message.envelope.recipients] == ["bob@example.com", "b@x", "c@x", "d@x"]
    assert b"bcc" not in octets(message).lower()
    assert b"d@x" not in octets(message)


def test_date_message_id_and_others_replace_ours() -> None:
    message = email(
        headers={
            "date": "Mon, 2 Jan 2023 15:04:05 -0700",
            "message-id": "<own@example.com>",
            "Reply-To": "r@x",
            "Sender": "s@x",
            "References": "<a@x> <b@x>",
        }
    )
    found = headers_of(message)
    for name, value in [
        ("date", "Mon, 02 Jan 2023 15:04:05 -0700"),
        ("message-id", "<own@example.com>"),
        ("reply-to", "r@x"),
        ("sender", "s@x"),
        ("references", "<a@x> <b@x>"),
    ]:
        assert [v for n, v in found if n.lower() == name] == [value]
    assert message.message_id == "<own@example.com>"


@pytest.mark.parametrize("name", ["List-Unsubscribe", "list-help", "LIST-ARCHIVE"])
def test_what_programs_read_is_never_encoded(name: str) -> None:
    url = f"<https://example.com/?q==?x&long={'u' * 500}>"
    sent = octets(email(headers={name: f"<mailto:u@example.com>, {url}"}))
    assert f"\r\n{name}: <mailto:u@example.com>,\r\n {url}\r\n".encode() in sent


@pytest.mark.parametrize("url", ["<https://example.com/ü>", f"<https://example.com/{'u' * 1000}>"])
def test_a_link_that_no_program_could_read_is_refused(url: str) -> None:
    with pytest.raises(MessageError, match="headers: List-Unsubscribe: needs URLs in ASCII"):
        email(headers={"List-Unsubscribe": url})


def test_international_domain_in_a_header_becomes_its_ascii_form() -> None:
    assert values("Reply-To", {"Reply-To": "r@bücher.example"}) == ["r@xn--bcher-kva.example"]


@pytest.mark.parametrize(
    "name", ["X-A", "Subject", "From", "To", "Cc", "Reply-To", "Date", "Message-ID", "References"]
)
@pytest.mark.parametrize(
    "attack", ["x\r\nX-Evil: 1", "a@x\nX-Evil: 1", "<a@x>\r\n\r\nbody", "a\rX-Evil: 1", "a\x00"]
)
def test_injection_into_a_header_is_refused_naming_it(name: str, attack: str) -> None:
    with pytest.raises(MessageError, match=name):
        email(headers={name: attack})


@pytest.mark.parametrize("name", ["X-A", "Subject"])
def test_encoded_words_with_line_breaks_stay_words(name: str) -> None:
    attack = "=?utf-8?q?x=0D=0AX-Evil:_1?="
    message = email(headers={name: attack})
    assert read(message)[name] == attack
    assert "X-Evil" not in read(message)


@pytest.mark.parametrize(
    ("given", "written"),
    [
        ("<soc.example.com>", "<soc.example.com>"),
        ("soc.example.com", "soc.example.com"),
        ("SOC alerts <soc.example.com>", "SOC alerts <soc.example.com>"),
        ('"SOC, all" <soc.example.com>', '"SOC, all" <soc.example.com>'),
        ("Größe <soc.example.com>", "=?utf-8?b?R3LDtsOfZQ==?= <soc.example.com>"),
    ],
)
def test_the_name_of_a_list_is_for_people_and_its_identifier_for_programs(given: str, written: str) -> None:
    data = octets(email(headers={"List-Id": given}))
    assert f"\r\nList-Id: {written}\r\n".encode() in data


@pytest.mark.parametrize("given", ["größe.example.com", "SOC <größe.example.com>", "SOC <a> <b>é"])
def test_an_identifier_of_a_list_that_is_not_ascii_is_refused(given: str) -> None:
    with pytest.raises(MessageError, match="headers: List-Id: "):
        email(headers={"List-Id": given})
