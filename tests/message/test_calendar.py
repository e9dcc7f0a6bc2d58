"""Invitations, as the calendars of others read them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from icalendar import Calendar, Event

from message.calendar import Invitation, invitation_draft
from message.compose import Message
from message.draft import Addressing
from message.errors import MessageError
from tests.message.reading import DEFAULTS, octets, read, text_of

TIMES = {"start": "2026-03-01T10:00:00+01:00", "end": "2026-03-01T11:30:00+01:00"}


def invited(
    *,
    to: str = '"Doe, Jané" <jane@example.com>',
    cc: str | None = "bob@example.com",
    subject: str = "Réview; a, b",
    **asked: Any,
) -> Message:
    addressing = Addressing(to=to, cc=cc, bcc="unseen@example.com", subject=subject)
    draft = invitation_draft(addressing, Invitation(**{**TIMES, **asked}), DEFAULTS)
    return draft.compose(eight_bit=False, smtputf8=True)


def event_of(message: Message) -> tuple[Calendar, Event]:
    part = read(message).get_body(("calendar",)) or next(
        p for p in read(message).walk() if p.get_content_type() == "text/calendar"
    )
    calendar = Calendar.from_ical(part.get_payload(decode=True))
    (event,) = calendar.walk("VEVENT")
    return calendar, event


def test_it_has_the_structure_that_mail_programs_show_as_an_invitation() -> None:
    mail = read(invited())
    assert [part.get_content_type() for part in mail.walk()] == [
        "multipart/mixed",
        "multipart/alternative",
        "text/plain",
        "text/calendar",
        "application/ics",
    ]
    calendar = next(part for part in mail.walk() if part.get_content_type() == "text/calendar")
    assert calendar.get_param("method") == "REQUEST"
    (file,) = mail.iter_attachments()
    assert file.get_filename() == "invite.ics"
    assert (
        file.get_payload(decode=True).replace(b"\r\n", b"\n").strip()
        == calendar.get_payload(decode=True).replace(b"\r\n", b"\n").strip()
    )


def test_it_says_who_when_and_where() -> None:
    calendar, event = event_of(
        invited(location="Room 1, floor 2", description="Line 1\nLine 2; x", reminder_minutes=15)
    )
    assert str(calendar["METHOD"]) == "REQUEST"
    assert event["DTSTART"].dt == datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
    assert event["DTEND"].dt - event["DTSTART"].dt == timedelta(minutes=90)
    assert (str(event["SUMMARY"]), str(event["LOCATION"])) == ("Réview; a, b", "Room 1, floor 2")
    assert str(event["DESCRIPTION"]) == "Line 1\nLine 2; x"
    assert str(event["ORGANIZER"]) == "mailto:soar@example.com"
    assert [str(one) for one in event["ATTENDEE"]] == ["mailto:jane@example.com", "mailto:bob@example.com"]
    assert event["ATTENDEE"][0].params["CN"] == "Doe, Jané"
    assert "unseen" not in event.to_ical().decode()
    (alarm,) = event.walk("VALARM")
    assert alarm["TRIGGER"].dt == timedelta(minutes=-15)


def test_who_is_named_twice_is_invited_once() -> None:
    _, event = event_of(invited(to="Jane@example.com", cc="jane@EXAMPLE.com, bob@example.com"))
    assert [(str(one), str(one.params["ROLE"])) for one in event["ATTENDEE"]] == [
        ("mailto:Jane@example.com", "REQ-PARTICIPANT"),
        ("mailto:bob@example.com", "OPT-PARTICIPANT"),
    ]


def test_its_text_says_the_same_to_readers_without_a_calendar() -> None:
    part = read(invited(location="Room 1", description="Bring tea.")).get_body(("plain",))
    assert part is not None
    assert text_of(part) == "When: 2026-03-01 09:00 to 2026-03-01 10:30 UTC\nWhere: Room 1\n\nBring tea."


def test_a_time_of_a_time_zone_knows_its_summer() -> None:
    _, event = event_of(invited(start="2026-07-01T10:00", end="2026-07-01 11:00", timezone="Europe/Berlin"))
    assert event["DTSTART"].dt == datetime(2026, 7, 1, 8, 0, tzinfo=UTC)


def test_an_event_is_changed_and_cancelled_by_its_uid() -> None:
    _, changed = event_of(invited(uid="u1@example.com", sequence=1))
    assert (str(changed["UID"]), int(changed["SEQUENCE"]), str(changed["STATUS"])) == (
        "u1@example.com",
        1,
        "CONFIRMED",
    )
    message = invited(uid="u1@example.com", sequence=2, method="cancel", reminder_minutes=5)
    calendar, cancelled = event_of(message)
    assert (str(calendar["METHOD"]), str(cancelled["STATUS"])) == ("CANCEL", "CANCELLED")
    assert cancelled.walk("VALARM") == []
    part = read(message).get_body(("plain",))
    assert part is not None
    assert text_of(part).startswith("This event is cancelled.\n")


def test_each_event_has_a_uid_of_its_own() -> None:
    assert event_of(invited())[1]["UID"] != event_of(invited())[1]["UID"]


def test_somebody_else_may_organize_it() -> None:
    assert (
        str(event_of(invited(organizer="Boss <boss@example.com>"))[1]["ORGANIZER"])
        == "mailto:boss@example.com"
    )


@pytest.mark.parametrize(
    ("asked", "fault"),
    [
        ({"start": "tomorrow"}, "start: 'tomorrow' is no time in ISO 8601"),
        ({"start": "2026-03-01T10:00"}, "start: it has no offset, and no timezone is given"),
        ({"start": "2026-03-01T10:00", "timezone": "Mars/Phobos"}, "timezone: 'Mars/Phobos' is no time zone"),
        ({"start": "2026-03-01T10:00", "timezone": "../../etc/passwd"}, "timezone: "),
        ({"end": TIMES["start"]}, "end: it is not after the start"),
        ({"start": "0001-01-01T00:00+23:59"}, "start: '0001-01-01T00:00+23:59' is too far away"),
        ({"method": "publish"}, "method: 'publish' is neither request nor cancel"),
        ({"method": "cancel"}, "uid: an event that is cancelled is named by"),
        ({"sequence": -1}, "sequence: "),
        ({"reminder_minutes": -1}, "reminder_minutes: it has to be from 0 to 40320"),
        ({"organizer": "nobody"}, "organizer: 'nobody' is not a valid address"),
        ({"organizer": "undisclosed:;"}, "organizer: 'undisclosed:;' is not one address"),
        ({"uid": "a\r\nSUMMARY:x"}, "uid: has a control character"),
        ({"organizer": "a@x, b@x"}, "organizer: 'a@x, b@x' is not one address"),
        (
            {"start": "2026-03-29T02:30", "end": "2026-03-29T03:15", "timezone": "Europe/Berlin"},
            "start: '2026-03-29T02:30' is no time in Europe/Berlin: the clocks are put forward then",
        ),
        ({"timezone": "Mars/Phobos"}, "timezone: 'Mars/Phobos' is no time zone"),
        ({"description": "a\0b"}, "description: '\\x00' can't be sent in a text"),
        ({"location": "a\ud800b"}, "location: '\\ud800' can't be sent in a text"),
    ],
)
def test_what_can_not_be_is_an_error_that_names_it(asked: dict[str, Any], fault: str) -> None:
    with pytest.raises(MessageError) as caught:
        invited(**asked)
    assert fault in str(caught.value)


def test_a_bad_time_zone_is_told_once_and_what_is_not_ascii_by_its_parameter() -> None:
    times = {"start": "2026-03-01T10:00", "end": "2026-03-01T11:00", "timezone": "Mars/Phobos"}
    plain = Addressing(to="jane@example.com", subject="Review")
    asked = Invitation(**times, description="Réview", location="Köln")
    with pytest.raises(MessageError) as caught:
        invitation_draft(plain, asked, DEFAULTS._replace(ascii_only=True))
    assert [fault.field for fault in caught.value.faults] == ["timezone", "description", "location"]


@pytest.mark.parametrize(
    ("start", "end", "utc"),
    [
        ("2026-03-29T01:30", "2026-03-29T03:30", ("20260329T003000Z", "20260329T013000Z")),
        ("2026-10-25T01:30", "2026-10-25T03:30", ("20261024T233000Z", "20261025T023000Z")),
    ],
)
def test_an_event_over_the_change_of_the_clocks_has_its_true_length(
    start: str, end: str, utc: tuple[str, str]
) -> None:
    event = event_of(invited(start=start, end=end, timezone="Europe/Berlin"))[1]
    assert (event["DTSTART"].to_ical().decode(), event["DTEND"].to_ical().decode()) == utc


def test_everything_wrong_is_said_at_once() -> None:
    with pytest.raises(MessageError) as caught:
        invited(to="no one", start="x", end="y", method="z")
    assert [fault.field for fault in caught.value.faults] == ["start", "end", "method", "to"]


@pytest.mark.parametrize(
    "text", ["a\r\nATTENDEE:mailto:evil@x", "a\nEND:VEVENT", "x" * 500, "\\n;,:\"'", "é" * 100]
)
def test_no_text_brings_a_line_of_its_own(text: str) -> None:
    message = invited(description=text, location=text.replace("\r\n", " ").replace("\n", " "))
    calendar, event = event_of(message)
    assert len(calendar.walk("VEVENT")) == 1
    assert len(event["ATTENDEE"]) == 2
    assert str(event["DESCRIPTION"]) == text.replace("\r\n", "\n")
    assert max(map(len, octets(message).split(b"\r\n"))) <= 998


@pytest.mark.parametrize("end", ["\r", "\v", "\f", "\x85", "\u2028", "\u2029"])
def test_whatever_ends_a_line_somewhere_ends_none_of_the_calendar(end: str) -> None:
    _, event = event_of(invited(description=f"a{end}ATTENDEE:mailto:evil@x\x1b", location=f"b{end}c"))
    assert (str(event["DESCRIPTION"]), str(event["LOCATION"])) == ("a\nATTENDEE:mailto:evil@x ", "b\nc")


@pytest.mark.parametrize(
    ("address", "uri"),
    [
        ("info@münchen.example", "mailto:info@xn--mnchen-3ya.example"),
        ('"a b"@example.com', "mailto:%22a%20b%22@example.com"),
        ("a%b?c@example.com", "mailto:a%25b%3Fc@example.com"),
        ("jörg@example.com", "mailto:j%C3%B6rg@example.com"),
        ("o'neil+x@example.com", "mailto:o'neil+x@example.com"),
        ("bob@[192.0.2.1]", "mailto:bob@[192.0.2.1]"),
    ],
)
def test_who_is_invited_is_named_by_a_uri(address: str, uri: str) -> None:
    assert str(event_of(invited(to=address, cc=None))[1]["ATTENDEE"]) == uri
