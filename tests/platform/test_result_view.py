from __future__ import annotations

import html
import re
from html.parser import HTMLParser

import pytest

from smtp_result_view import MAX_ROWS, size
from tests.platform.results import (
    ACCEPTED_RECIPIENT,
    LOST_MAIL,
    PARTLY_SENT_MAIL,
    REFUSED_RECIPIENT,
    SENT_MAIL,
    UNSENT_MAIL,
    Result,
    shown,
)


def text_of(page: str) -> str:
    """What a reader sees, on one line."""
    body = re.sub(r"<style>.*?</style>", "", page, flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", body)).split())


def test_every_recipient_is_shown_with_its_status_those_in_trouble_first() -> None:
    text = text_of(
        shown(Result(PARTLY_SENT_MAIL, message="Email sent to 1 of 4 recipients", subject="Phish 17"))
    )
    assert "partly sent Phish 17 Email sent to 1 of 4 recipients" in text
    rows = [
        "bob@example.com refused 550 5.1.1 <bob@example.com>: no such user",
        "carol@example.com refused 450 4.2.1 Mailbox busy (worth another try)",
        "dora@example.com not tried",
        "alice@example.com accepted 250 2.1.5 Ok",
    ]
    places = [text.find(row) for row in rows]
    assert -1 not in places
    assert places == sorted(places)


def test_attachments_warnings_and_the_servers_words_are_shown() -> None:
    text = text_of(shown(Result(PARTLY_SENT_MAIL)))
    for part in (
        "report.pdf 51.1 KiB ab2b2ccfba08ea538ef22f521caa01c3c2b17ccf",
        "Warnings verify_server_cert is off",
        "Server's reply 250 2.0.0 Ok: queued as 4B1F22C0A1",
        "Queue ID 4B1F22C0A1",
        "Message-ID <178365.c0ffee@example.com>",
        "Sender soc@example.com",
        "Server mail.example.com:587",
        "Encryption TLSv1.3, TLS_AES_256_GCM_SHA384",
        "Login OAuth, XOAUTH2",
        "Size 1.4 MiB",
        "Took 184 ms",
    ):
        assert part in text


def test_a_failure_says_where_it_was_and_what_to_do() -> None:
    text = text_of(shown(Result(UNSENT_MAIL, status=False, message="Nothing was sent: busy")))
    assert "not sent Nothing was sent: busy" in text
    assert "What to do: Wait, and send fewer mails at once." in text
    assert "Trying again later makes sense, after 60 seconds at least." in text
    assert "Failed at AUTH: 454 4.7.0 Temporary authentication failure" in text
    assert "Encryption none" in text
    assert "Attachments" not in text


def test_what_nobody_knows_of_the_way_is_not_told() -> None:
    assert "Encryption" not in text_of(shown(Result({**UNSENT_MAIL, "server": ""})))
    remembered = {**SENT_MAIL, "tls_version": "", "tls_cipher": "", "repeated": True}
    assert "Encryption" not in text_of(shown(Result(remembered)))


def test_a_remedy_that_the_message_names_is_not_shown_twice() -> None:
    text = text_of(shown(Result(UNSENT_MAIL, message="Busy. Wait, and send fewer mails at once.")))
    assert text.count("send fewer mails") == 1


def test_results_of_all_parameter_sets_follow_each_other() -> None:
    text = text_of(shown(Result(SENT_MAIL, subject="First"), Result(LOST_MAIL, subject="Second")))
    assert text.index("sent First") < text.index("unknown Second")
    assert "alice@example.com unknown" in text


def test_a_result_without_data_shows_its_message() -> None:
    assert "failed Nothing was sent. subject: no" in text_of(
        shown(Result(status=False, message="Nothing was sent. subject: no"))
    )
    assert "success Subject of it Email sent" in text_of(shown(Result(subject="Subject of it")))
    assert "There is no result to show." in text_of(shown())


@pytest.mark.parametrize(
    "data",
    [
        {},
        None,
        "text",
        {"recipients": None, "attachments": "x", "failure": "no", "warnings": None},
        {"outcome": 5, "recipients": [None, {}, {"status": 7}], "attachments": [{}], "size": "big"},
    ],
)
def test_data_that_another_version_wrote_is_shown_as_far_as_it_goes(data: object) -> None:
    assert "Email sent" in text_of(shown(Result(data)))


def test_a_result_with_nothing_in_it_is_shown() -> None:
    page = shown(Result(message=None))
    assert "None" not in page


def test_a_long_list_ends_and_says_so() -> None:
    recipients = [{"address": f"user{n}@example.com", **ACCEPTED_RECIPIENT} for n in range(MAX_ROWS + 20)]
    recipients.append({"address": "last@example.com", **REFUSED_RECIPIENT})
    text = text_of(shown(Result({**SENT_MAIL, "recipients": recipients})))
    assert "last@example.com refused" in text
    assert text.count("accepted") == MAX_ROWS - 1
    assert "And 21 more, in the result's data." in text


class Tags(HTMLParser):
    """The tags of a page, and the attributes that could run something."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.seen: set[str] = set()
        self.dangers: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        self.dangers += [name for name, _ in attrs if name.startswith("on") or name in ("href", "src")]


ATTACKS = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    '"><svg onload=alert(1)>',
    "' onmouseover='alert(1)",
    "</td></table></style><script>alert(1)</script>",
    "{{ results }}{% debug %}",
    "<a href='javascript:alert(1)'>x</a>",
)


@pytest.mark.parametrize("attack", ATTACKS)
def test_nothing_that_a_server_or_a_mail_says_becomes_part_of_the_page(attack: str) -> None:
    def poisoned(value: object) -> object:
        if isinstance(value, dict):
            return {name: poisoned(inner) for name, inner in value.items()}
        if isinstance(value, list):
            return [poisoned(inner) for inner in value]
        return (
            f"{attack}!" if isinstance(value, str) else value
        )  # unlike the message, which may name the hint

    failed = poisoned({**PARTLY_SENT_MAIL, "failure": UNSENT_MAIL["failure"]})
    page = shown(Result(failed, message=attack, subject=attack), action=attack)
    clean = Tags(shown(Result({**PARTLY_SENT_MAIL, "failure": UNSENT_MAIL["failure"]})))
    assert Tags(page).seen == clean.seen
    assert Tags(page).dangers == []
    assert html.escape(attack) in page


def test_nothing_is_loaded_and_nothing_runs() -> None:
    tags = Tags(shown(Result(PARTLY_SENT_MAIL)))
    assert tags.dangers == []
    assert not tags.seen & {"script", "iframe", "object", "link", "img", "form"}


@pytest.mark.parametrize(
    ("octets", "text"),
    [
        (0, "0 octets"),
        (1023, "1023 octets"),
        (1024, "1.0 KiB"),
        (5 * 1024**4, "5120.0 GiB"),
        (None, ""),
        ("5", ""),
    ],
)
def test_sizes_are_told_as_people_read_them(octets: object, text: str) -> None:
    assert size(octets) == text
