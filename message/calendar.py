"""Invitations: a mail that calendars understand (iTIP and iMIP, RFC 5546 and RFC 6047).

Outlook, Gmail and Apple Mail show one as an invitation when the event stands beside the text as an alternative of the
type text/calendar with its method; readers that know nothing of that get it as a file too. Times are written in UTC,
so that no reader has to agree with us about time zones.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from urllib.parse import quote
from zoneinfo import ZoneInfo

from icalendar import Alarm, Calendar, Event, vCalAddress, vText

from message.address.mailbox import Mailbox, ascii_domain, parse_list, unique
from message.attachments import Attachment, look_at
from message.compose import CalendarPart, Draft
from message.draft import NO_DEFAULTS, NOT_IN_TEXT, plain_draft
from message.errors import Fault, Lack, MessageError, shown
from message.mime import problem_of_value
from message.parameters import Addressing, Defaults

METHODS = ("request", "cancel")
_PRODUCT = "-//SMTP Connector//EN"
_LONGEST_REMINDER = 60 * 24 * 28
"""Minutes."""
_LINE_END = re.compile(r"\r\n|[\r\n\v\f\x85\u2028\u2029]")
_CONTROLS = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x9f]")


@dataclass(frozen=True, slots=True)
class Invitation:
    """What is asked of an event, as it was given.

    `start` and `end` are ISO 8601, with an offset or of `timezone` (an IANA name). `organizer` is the sender where it
    is "". A later mail with the same `uid` and a higher `sequence` changes the event, or cancels it.
    """

    start: str
    end: str
    timezone: str = ""
    description: str = ""
    location: str = ""
    organizer: str = ""
    uid: str = ""
    sequence: int = 0
    method: str = "request"
    reminder_minutes: int | None = None


def invitation_draft(
    addressing: Addressing,
    asked: Invitation,
    defaults: Defaults = NO_DEFAULTS,
    faults: Sequence[Fault] = (),
) -> Draft:
    """A mail that invites its recipients, or tells them that an event is off. Raises `MessageError` with all faults."""
    found = list(faults)
    zone = _zone(asked.timezone, found)
    start, end = (_moment(name, getattr(asked, name), zone, asked, found) for name in ("start", "end"))
    if start and end and end <= start:
        found.append(Fault("end", "it is not after the start"))
    if asked.method not in METHODS:
        found.append(Fault("method", f"{shown(asked.method)} is neither request nor cancel"))
    if asked.method == "cancel" and not asked.uid:
        found.append(Fault("uid", "an event that is cancelled is named by the uid of its invitation"))
    if problem := problem_of_value(asked.uid):
        found.append(Fault("uid", problem))
    if asked.sequence < 0:
        found.append(Fault("sequence", "it counts the changes of an event, from 0"))
    if asked.reminder_minutes is not None and not 0 <= asked.reminder_minutes <= _LONGEST_REMINDER:
        found.append(Fault("reminder_minutes", f"it has to be from 0 to {_LONGEST_REMINDER}"))
    organizers: tuple[Mailbox, ...] = ()
    before = len(found)
    if asked.organizer:
        try:
            organizers = parse_list(asked.organizer, "organizer")
        except MessageError as exc:
            found += exc.faults
        if len(organizers) > 1 or (asked.organizer.strip() and not organizers and len(found) == before):
            found.append(Fault("organizer", f"{shown(asked.organizer)} is not one address"))
    words = [fault for name in ("description", "location") for fault in _words(name, asked, defaults)]
    found += words
    text = "" if words else _text(asked, start, end)
    draft = plain_draft(addressing, text, (), defaults, found, body_format="text")
    if not (start and end):
        raise MessageError(found)
    organizer = organizers[0] if organizers else draft.author
    uid = asked.uid or f"{os.urandom(16).hex()}@{organizer.address.domain}"
    octets = _event(draft, replace(asked, uid=uid), start, end, organizer)
    token = draft.token or os.urandom(16).hex()
    file = look_at(Attachment.of_octets("invite.ics", octets), "", absent=token.encode())
    return draft._replace(
        attachments=(file._replace(content_type="application/ics"),),
        calendar=CalendarPart(asked.method.upper(), uid, octets.decode()),
        token=token,
    )


def _zone(name: str, faults: list[Fault]) -> ZoneInfo | None:
    if not name:
        return None
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, LookupError):
        faults.append(Fault("timezone", f"{shown(name)} is no time zone such as Europe/Berlin"))
        return None


def _words(field: str, asked: Invitation, defaults: Defaults) -> list[Fault]:
    """What is wrong with the words of the event itself."""
    text: str = getattr(asked, field)
    if found := NOT_IN_TEXT.search(text):
        return [Fault(field, f"{shown(found[0])} can't be sent in a text")]
    if defaults.ascii_only and not text.isascii():
        return [Fault(field, "it is not ASCII", Lack.UNICODE)]
    return []


def _moment(
    field: str, text: str, zone: ZoneInfo | None, asked: Invitation, faults: list[Fault]
) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        faults.append(Fault(field, f"{shown(text)} is no time in ISO 8601 such as 2026-03-01T10:00:00+01:00"))
        return None
    if moment.tzinfo is None and zone is None:
        if not asked.timezone:  # a wrong one is told of already
            faults.append(Fault(field, "it has no offset, and no timezone is given"))
        return None
    try:
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=zone)
            if moment.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != moment.replace(tzinfo=None):
                reason = f"{shown(text)} is no time in {asked.timezone}: the clocks are put forward then"
                faults.append(Fault(field, reason))
                return None
        return moment.astimezone(UTC).replace(microsecond=0)
    except OverflowError:
        faults.append(Fault(field, f"{shown(text)} is too far away"))
        return None


def _text(asked: Invitation, start: datetime | None, end: datetime | None) -> str:
    """What a reader sees who knows nothing of calendars."""
    if not (start and end):
        return ""
    when = f"{start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} UTC"
    lines = ["This event is cancelled."] if asked.method == "cancel" else []
    lines += [f"When: {when}", *([f"Where: {asked.location}"] if asked.location else [])]
    return "\n".join([*lines, "", asked.description]) if asked.description else "\n".join(lines)


def _event(draft: Draft, asked: Invitation, start: datetime, end: datetime, organizer: Mailbox) -> bytes:
    calendar, event = Calendar(), Event()
    calendar.add("prodid", _PRODUCT)
    calendar.add("version", "2.0")
    calendar.add("method", asked.method.upper())
    event.add("uid", asked.uid)
    event.add("dtstamp", datetime.now(UTC).replace(microsecond=0))
    event.add("dtstart", start)
    event.add("dtend", end)
    event.add("sequence", asked.sequence)
    event.add("status", "CANCELLED" if asked.method == "cancel" else "CONFIRMED")
    event.add("summary", draft.subject)
    if asked.description:
        event.add("description", _value(asked.description))
    if asked.location:
        event.add("location", _value(asked.location))
    event.add("organizer", _person(organizer), encode=False)
    required = frozenset(draft.to)
    for mailbox in unique((*draft.to, *draft.cc)):
        person = _person(mailbox)
        person.params["ROLE"] = vText("REQ-PARTICIPANT" if mailbox in required else "OPT-PARTICIPANT")
        person.params["PARTSTAT"] = vText("NEEDS-ACTION")
        person.params["RSVP"] = vText("TRUE")
        event.add("attendee", person, encode=False)
    if asked.reminder_minutes is not None and asked.method == "request":
        alarm = Alarm()
        alarm.add("action", "DISPLAY")
        alarm.add("description", draft.subject)
        alarm.add("trigger", timedelta(minutes=-asked.reminder_minutes))
        event.add_component(alarm)
    calendar.add_component(event)
    octets: bytes = calendar.to_ical()
    return octets


def _value(text: str) -> str:
    """`text` without control characters, which RFC 5545 section 3.1 has none of; what ends a line is a line end."""
    return _CONTROLS.sub(" ", _LINE_END.sub("\n", text))


def _person(mailbox: Mailbox) -> vCalAddress:
    """A calendar address, which is a URI (RFC 5545 section 3.3.3): in ASCII, and encoded (RFC 6068 section 2)."""
    address = quote(str(ascii_domain(mailbox.address)), safe="!$&'*+-./=@_~:[]")
    person = vCalAddress(f"mailto:{address}")
    if mailbox.name:
        person.params["CN"] = vText(mailbox.name.replace('"', "'"))
    return person
