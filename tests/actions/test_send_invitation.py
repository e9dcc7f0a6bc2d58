"""send invitation, as an action run: what calendars of others find in what arrives."""

from __future__ import annotations

from typing import Any

import pytest
from icalendar import Calendar

from tests.support.catcher import Catcher
from tests.support.fixtures import Inbox
from tests.support.mail import Mail, sound
from tests.support.running import Runner, asset

TIMES = {"start": "2026-07-01T10:00", "end": "2026-07-01T11:00", "timezone": "Europe/Berlin"}


def asked(**more: Any) -> dict[str, Any]:
    return {"to": "Bob <bob@example.com>", "cc": "ann@example.com", "subject": "Review", **TIMES, **more}


def event_in(mail: Mail) -> Any:
    calendar = Calendar.from_ical(mail.leaf("text/calendar").data)
    (event,) = calendar.walk("VEVENT")
    return event


def test_an_invitation_arrives_in_the_structure_that_mail_programs_know(
    run: Runner, catcher: Catcher, inbox: Inbox
) -> None:
    result = run("send_invitation", asset(catcher), asked(location="Room 1", reminder_minutes=15))
    assert result.message == "Email sent"
    assert inbox.only.rcpt_tos == ("bob@example.com", "ann@example.com")
    mail = sound(inbox.only)
    assert [leaf.content_type for leaf in mail.leaves] == ["text/plain", "text/calendar", "application/ics"]
    assert b"method=REQUEST" in inbox.only.content
    event = event_in(mail)
    assert (str(event["SUMMARY"]), str(event["LOCATION"]), str(event["ORGANIZER"])) == (
        "Review",
        "Room 1",
        "mailto:sender@example.com",
    )
    assert event["DTSTART"].to_ical() == b"20260701T080000Z"
    assert str(event["UID"]) == result.data["uid"]


def test_the_uid_of_the_result_changes_and_cancels_it(run: Runner, catcher: Catcher, inbox: Inbox) -> None:
    uid = run("send_invitation", asset(catcher), asked()).data["uid"]
    changed = run("send_invitation", asset(catcher), asked(uid=uid, sequence="1", location="Room 2"))
    cancelled = run("send_invitation", asset(catcher), asked(uid=uid, sequence=2.0, method="cancel"))
    assert changed.data["uid"] == cancelled.data["uid"] == uid
    events = [event_in(sound(caught)) for caught in inbox.messages]
    assert [(str(e["UID"]), int(e["SEQUENCE"]), str(e["STATUS"])) for e in events] == [
        (uid, 0, "CONFIRMED"),
        (uid, 1, "CONFIRMED"),
        (uid, 2, "CANCELLED"),
    ]


def test_the_rules_of_the_account_hold_for_invitations_too(
    run: Runner, catcher: Catcher, inbox: Inbox
) -> None:
    account = asset(catcher, allowed_recipients="example.org", redirect_to="t@example.org")
    assert "'bob@example.com' may not be written to" in run("send_invitation", account, asked()).message
    assert inbox.is_empty
    account = asset(catcher, redirect_to="t@example.org", signature_text="The SOC")
    assert run("send_invitation", account, asked()).succeeded
    assert inbox.only.rcpt_tos == ("t@example.org",)
    assert sound(inbox.only).leaf("text/plain").text.rstrip().endswith("The SOC")


def test_a_key_invites_once(run: Runner, catcher: Catcher, inbox: Inbox) -> None:
    first = run("send_invitation", asset(catcher), asked(idempotency_key="k"))
    again = run("send_invitation", asset(catcher), asked(idempotency_key="k"))
    assert (again.data["uid"], again.data["repeated"]) == (first.data["uid"], True)
    assert len(inbox.messages) == 1


def test_everything_wrong_is_said_at_once(run: Runner, catcher: Catcher, inbox: Inbox) -> None:
    result = run(
        "send_invitation",
        asset(catcher),
        asked(to="nobody", start="soon", end="2026-01-01", timezone="", organizer="x", method="cancel"),
    )
    for fault in (
        "to: 'nobody' is not a valid address",
        "start: 'soon' is no time in ISO 8601",
        "end: it has no offset",
        "organizer: 'x' is not a valid address",
        "uid: an event that is cancelled is named by the uid of its invitation",
    ):
        assert fault in result.message
    assert inbox.is_empty


@pytest.mark.parametrize(
    ("more", "named"),
    [
        ({"method": "publish"}, "method"),
        ({"sequence": -1}, "sequence"),
        ({"reminder_minutes": "x"}, "reminder_minutes"),
    ],
)
def test_what_the_form_does_not_offer_is_refused(
    run: Runner, catcher: Catcher, inbox: Inbox, more: dict[str, Any], named: str
) -> None:
    assert f"{named}: " in run("send_invitation", asset(catcher), asked(**more)).message
    assert inbox.is_empty
