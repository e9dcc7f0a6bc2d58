"""From, Subject and the `headers` parameter: what replaces what, what is refused, and how it reads afterwards."""

from __future__ import annotations

import json
from email.header import decode_header, make_header
from email.utils import parsedate_to_datetime
from typing import Any

import pytest

from tests.support.catcher import Catcher
from tests.support.fixtures import Inbox
from tests.support.mail import Mail, sound
from tests.support.running import Run, Runner, asset

TO = "jane@example.com"


def mail(run: Runner, catcher: Catcher, inbox: Inbox, fields: Any = None, **parameters: Any) -> Mail:
    """The message that was sent."""
    result = run("send_email", fields or asset(catcher), {"to": TO, "body": "x", **parameters})
    assert result.message == "Email sent"
    return sound(inbox.only)


def refusal(run: Runner, catcher: Catcher, inbox: Inbox, **parameters: Any) -> Run:
    """The result of parameters with which nothing may be sent."""
    result = run("send_email", asset(catcher), {"to": TO, "body": "x", **parameters})
    assert not result.succeeded
    assert inbox.is_empty
    return result


class TestFrom:
    def test_the_parameter_beats_headers(self, run: Runner, catcher: Catcher, inbox: Inbox) -> None:
        sent = mail(run, catcher, inbox, **{"from": "p@example.com", "headers": {"From": "h@example.com"}})
        assert (sent.all("From"), inbox.only.mail_from) == (["p@example.com"], "p@example.com")

    def test_headers_beat_the_sender_address(self, run: Runner, catcher: Catcher, inbox: Inbox) -> None:
        sent = mail(run, catcher, inbox, headers='{"FROM": "Hanna <h@example.com>"}')
        assert (sent.all("From"), inbox.only.mail_from) == (["Hanna <h@example.com>"], "h@example.com")

    def test_the_sender_address_beats_the_username(self, run: Runner, catcher: Catcher, inbox: Inbox) -> None:
        fields = asset(catcher, sender_address="Desk <desk@example.com>", username="user@example.com")
        assert mail(run, catcher, inbox, fields)["From"] == "Desk <desk@example.com>"
        assert inbox.only.mail_from == "desk@example.com"

    @pytest.mark.parametrize("missing", [None, "", " "])
    def test_the_username_is_the_last_choice(
        self, run: Runner, catcher: Catcher, inbox: Inbox, missing: str | None
    ) -> None:
        fields = asset(catcher, sender_address=missing, username="user@example.com")
        sent = mail(run, catcher, inbox, fields, **{"from": missing})
        assert sent["From"] == "user@example.com"

    @pytest.mark.parametrize("username", [None, "", "user", "DOMAIN\\user"])
    def test_without_any_there_is_an_error(
        self, run: Runner, catcher: Catcher, inbox: Inbox, username: str | None
    ) -> None:
        fields = asset(catcher, sender_address=None, username=username)
        result = run("send_email", fields, {"to": TO, "body": "x"})
        assert "from: there is no sender" in result.message
        assert inbox.is_empty

    @pytest.mark.parametrize(
        "value", ["a@example.com, b@example.com", "Group: a@example.com, b@example.com;"]
    )
    def test_several_authors_are_one_too_many(
        self, run: Runner, catcher: Catcher, inbox: Inbox, value: str
    ) -> None:
        assert "from: " in refusal(run, catcher, inbox, **{"from": value}).message
        assert "headers: From: " in refusal(run, catcher, inbox, headers={"From": value}).message

    def test_the_result_names_the_sender(self, run: Runner, catcher: Catcher) -> None:
        result = run("send_email", asset(catcher), {"to": TO, "body": "x", "from": "Me <me@example.com>"})
        assert result.data["sender"] == "me@example.com"


class TestSubject:
    def test_the_one_in_headers_wins(self, run: Runner, catcher: Catcher, inbox: Inbox) -> None:
        sent = mail(run, catcher, inbox, subject="parameter", headers='{"subject": "header"}')
        assert sent.all("Subject") == ["header"]

    @pytest.mark.parametrize(
        "subject",
        [
            "plain",
            "Grüße aus München",
            "日本語の件名がここにとても長く書かれています" * 5,
            "😀" * 40,
            "word " * 60 + "end",
            "=?utf-8?q?not_an_encoded_word?=",
            'a: b; c, <d> "e" (f) \\ {g} %s',
            "x" * 800,
        ],
    )
    def test_it_reads_back_as_it_was_written(
        self, run: Runner, catcher: Catcher, inbox: Inbox, subject: str
    ) -> None:
        assert mail(run, catcher, inbox, subject=subject)["Subject"] == subject
        assert run("send_email", asset(catcher), {"to": TO, "body": "x"}).succeeded

    @pytest.mark.parametrize("subject", [None, "", "  "])
    def test_without_one_there_is_no_field(
        self, run: Runner, catcher: Catcher, inbox: Inbox, subject: str | None
    ) -> None:
        assert mail(run, catcher, inbox, subject=subject).all("Subject") == []


class TestHeaders:
    def test_an_object_and_its_text_mean_the_same(self, run: Runner, catcher: Catcher, inbox: Inbox) -> None:
        headers = {"X-Priority": "1", "X-Note": "Grüße", "Reply-To": "r@example.com"}
        for value in (headers, json.dumps(headers)):
            run("send_email", asset(catcher), {"to": TO, "body": "x", "headers": value})
        first, second = map(sound, inbox.messages)
        for sent in (first, second):
            assert (sent["X-Priority"], sent["X-Note"], sent["Reply-To"]) == ("1", "Grüße", "r@example.com")

    def test_a_list_writes_the_header_several_times(
        self, run: Runner, catcher: Catcher, inbox: Inbox
    ) -> None:
        sent = mail(run, catcher, inbox, headers={"X-Tag": ["one", "two", "three"], "X-None": []})
        assert sent.all("X-Tag") == ["one", "two", "three"]
        assert sent.all("X-None") == []

    def test_numbers_and_booleans_are_written_as_json_does(
        self, run: Runner, catcher: Catcher, inbox: Inbox
    ) -> None:
        sent = mail(run, catcher, inbox, headers={"X-A": 1, "X-B": 1.5, "X-C": True, "X-D": None})
        assert [sent[f"X-{letter}"] for letter in "ABCD"] == ["1", "1.5", "true", None]

    def test_to_and_cc_change_what_is_shown_and_not_who_receives(
        self, run: Runner, catcher: Catcher, inbox: Inbox
    ) -> None:
        headers = {"To": "Everybody <all@example.com>", "CC": "more@example.com"}
        sent = mail(run, catcher, inbox, cc="copy@example.com", headers=headers)
        assert inbox.only.rcpt_tos == (TO, "copy@example.com")
        assert (sent.all("To"), sent.all("Cc")) == (["Everybody <all@example.com>"], ["more@example.com"])

    def test_to_may_show_an_empty_group(self, run: Runner, catcher: Catcher, inbox: Inbox) -> None:
        sent = mail(run, catcher, inbox, headers={"To": "undisclosed-recipients:;"})
        assert sent.all("To") == ["undisclosed-recipients:;"]
        assert inbox.only.rcpt_tos == (TO,)

    @pytest.mark.parametrize("name", ["Bcc", "BCC", "bcc"])
    def test_bcc_receives_and_is_never_written(
        self, run: Runner, catcher: Catcher, inbox: Inbox, name: str
    ) -> None:
        sent = mail(
            run, catcher, inbox, bcc="a@example.com", headers={name: ["unseen@x.org", f"{TO}, c@x.org"]}
        )
        assert inbox.only.rcpt_tos == (TO, "a@example.com", "unseen@x.org", "c@x.org")
        assert b"unseen@x.org" not in sent.content

    def test_the_example_of_the_stock_app_works(self, run: Runner, catcher: Catcher, inbox: Inbox) -> None:
        headers = '{"Subject": "Test1", "To": "test3@testdomain.com"}'
        sent = mail(run, catcher, inbox, subject="Test", headers=headers)
        assert (sent.all("Subject"), sent.all("To")) == (["Test1"], ["test3@testdomain.com"])
        assert inbox.only.rcpt_tos == (TO,)

    @pytest.mark.parametrize(
        "name", ["Content-Type", "content-transfer-encoding", "MIME-VERSION", "Content-type"]
    )
    def test_what_the_message_itself_decides_is_refused(
        self, run: Runner, catcher: Catcher, inbox: Inbox, name: str
    ) -> None:
        result = refusal(run, catcher, inbox, headers={name: "text/html"})
        assert result.message.startswith(f"Nothing was sent: headers: {name}: ")

    @pytest.mark.parametrize(
        ("headers", "named"),
        [
            ({"Resent-Bcc": "hidden@example.com"}, "Resent-Bcc"),
            ({"Subject": ["a", "b"]}, "Subject"),
            ({"Subject": "a", "SUBJECT": "b"}, "SUBJECT"),
            ({"Message-ID": ["<a@b>", "<c@d>"]}, "Message-ID"),
            ({"Message-ID": "no brackets"}, "Message-ID"),
            ({"Date": "yesterday"}, "Date"),
            ({"Reply-To": "not an address"}, "Reply-To"),
            ({"To": "a@"}, "To"),
            ({"Bcc": "nobody"}, "Bcc"),
            ({"Sender": "a@example.com, b@example.com"}, "Sender"),
            ({"X Y": "space"}, "X Y"),
            ({"X-Ä": "name"}, "X-Ä"),
            ({"": "empty"}, "headers"),
            ({"X:Y": "colon"}, "X:Y"),
            ({"X-A": {"nested": 1}}, "X-A"),
            ({"X-A": [["nested"]]}, "X-A"),
            ({"X-A": "half \ud800"}, "X-A"),
            ('{"X-A": "1"', "headers"),
            ('["X-A"]', "headers"),
            ("X-A: 1", "headers"),
            ("null", "headers"),
            ("[" * 100_000, "headers"),
        ],
    )
    def test_what_is_no_header_is_an_error_that_names_it(
        self, run: Runner, catcher: Catcher, inbox: Inbox, headers: Any, named: str
    ) -> None:
        result = refusal(run, catcher, inbox, headers=headers)
        assert result.message.startswith("Nothing was sent: headers: ")
        assert named in result.message

    def test_all_faults_are_told_at_once(self, run: Runner, catcher: Catcher, inbox: Inbox) -> None:
        headers = {"MIME-Version": "1.0", "X-A": "a\nb", "Date": "soon", "To": "x"}
        result = refusal(run, catcher, inbox, headers=headers, subject="two\nlines", cc="nobody")
        for named in ("MIME-Version", "X-A", "Date", "To: 'x'", "subject", "cc: 'nobody'"):
            assert named in result.message

    def test_a_long_list_of_references_is_folded(self, run: Runner, catcher: Catcher, inbox: Inbox) -> None:
        references = " ".join(f"<{n}.{'x' * 40}@example.com>" for n in range(60))
        sent = mail(run, catcher, inbox, headers={"References": references, "In-Reply-To": "<1@example.com>"})
        assert str(sent["References"]).split() == references.split()
        assert max(map(len, sent.header.split(b"\r\n"))) < 100


class TestDateAndMessageId:
    def test_both_are_always_there(self, run: Runner, catcher: Catcher, inbox: Inbox) -> None:
        result = run("send_email", asset(catcher), {"to": TO, "body": "x", "from": "me@sub.example.org"})
        sent = sound(inbox.only)
        assert sent["Message-ID"] == result.data["message_id"]
        assert str(sent["Message-ID"]).endswith("@sub.example.org>")
        assert parsedate_to_datetime(str(sent["Date"])).tzinfo is not None

    def test_each_message_has_an_id_of_its_own(self, run: Runner, catcher: Catcher) -> None:
        result = run("send_email", asset(catcher), *[{"to": TO, "body": "x"}] * 5)
        assert len({each["data"][0]["message_id"] for each in result.results}) == 5

    def test_those_of_headers_replace_them(self, run: Runner, catcher: Catcher, inbox: Inbox) -> None:
        headers = {"DATE": "Mon, 02 Jan 2023 15:04:05 +0100", "message-id": "<mine@example.com>"}
        result = run("send_email", asset(catcher), {"to": TO, "body": "x", "headers": headers})
        sent = sound(inbox.only)
        assert sent.all("Date") == ["Mon, 02 Jan 2023 15:04:05 +0100"]
        assert sent.all("Message-ID") == ["<mine@example.com>"] == [result.data["message_id"]]


@pytest.mark.parametrize(
    "name",
    ["Zoë", "Müller, Jürgen", "山田太郎", 'Quo"te \\ back', "dot. ted", "😀 smile", "Jane (CEO) @home"],
)
def test_a_name_reads_back_as_it_was_written(run: Runner, catcher: Catcher, inbox: Inbox, name: str) -> None:
    sent = mail(run, catcher, inbox, to=f"{quoted(name)} <p@example.com>")
    (address,) = sent.parsed["To"].addresses
    assert (address.display_name, address.addr_spec) == (name, "p@example.com")


def test_a_long_name_is_folded_between_its_characters(run: Runner, catcher: Catcher, inbox: Inbox) -> None:
    # The standard library's new parser leaves spaces between the encoded words of a name, its old one does not.
    name = "Müller, Jürgen, 山田太郎, " * 6 + "😀"
    sent = mail(run, catcher, inbox, to=f"{quoted(name)} <p@example.com>")
    (value,) = [value for key, value in sent.raw_fields if key == "To"]
    assert str(make_header(decode_header(value.decode().strip()))) == f"{name} <p@example.com>"
    assert max(map(len, value.split(b"\r\n"))) <= 76


def quoted(name: str) -> str:
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
