"""What arrives, as others read it: Python's parser, mailparser and postal-mime; ical.js reads invitations."""

from __future__ import annotations

import hashlib
import json
import subprocess
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.utils import getaddresses
from pathlib import Path
from typing import Any

import pytest

from message.attachments import Attachment
from message.calendar import Invitation, invitation_draft
from message.compose import Draft
from message.draft import Addressing, Defaults, html_draft, plain_draft
from tests.look.comparison import COMPILER, SOURCES

DEFAULTS = Defaults(sender="Jörg Müller <joerg@example.com>")
PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256))
DATA_URL = "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"
LONG_NAME = (
    "Bericht über die Prüfung der Zertifikate im dritten Quartal – Fassung für die Leitung (endgültig).pdf"
)


@dataclass(frozen=True)
class Wanted:
    """A mail, and what its reader has to find. Texts are looked for; files are name, content id and octets."""

    draft: Draft
    subject: str = ""
    text: str = ""
    html: str = ""
    files: tuple[tuple[str, str, bytes], ...] = ()
    in_reply_to: str = ""
    references: tuple[str, ...] = ()


def addressed(**more: Any) -> Addressing:
    to = '"Doe, Jané" <jane@example.com>, bob@example.com'
    return Addressing(**{"to": to, "cc": "李雷 <lilei@example.com>", "subject": "Grüße", **more})


def attached(*names: str) -> tuple[Attachment, ...]:
    return tuple(Attachment.of_octets(name, name.encode() * 50) for name in names)


LONG_SUBJECT = "Warnung: " + "ungewöhnliche Anmeldungen über Größenbeschränkungen hinaus, " * 6 + "Ende"
ALERT = (
    b"Message-ID: <2@x.test>\r\nReferences: <1@x.test>\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n\r\nx\r\n"
)
NAMES = (LONG_NAME, "报告 2026.xlsx", 'q"uote;semi=.txt', "plain.bin", "a" * 120 + ".txt")
MAILS = {
    "text": Wanted(plain_draft(addressed(), "Größe\n\n.\n..\nFrom here\n", (), DEFAULTS), "Grüße", "Größe"),
    "long subject": Wanted(
        plain_draft(addressed(subject=LONG_SUBJECT), "x", (), DEFAULTS), LONG_SUBJECT, "x"
    ),
    "long lines": Wanted(
        plain_draft(addressed(), "ä" * 3000 + "\nEnd", (), DEFAULTS), "Grüße", "ä" * 3000 + "\nEnd"
    ),
    "files": Wanted(
        plain_draft(addressed(), "See below", attached(*NAMES), DEFAULTS),
        "Grüße",
        "See below",
        files=tuple((name, "", name.encode() * 50) for name in NAMES),
    ),
    "html": Wanted(
        html_draft(
            addressed(),
            "<p>Größe <b>1</b> <img src='cid:logo@x' alt=L></p>",
            None,
            (
                Attachment.of_octets("logo.png", PNG, "logo@x"),
                *attached("plain.bin"),
            ),
            DEFAULTS,
        ),
        "Grüße",
        "Größe 1",
        "<p>Größe <b>1</b>",
        (("logo.png", "logo@x", PNG), ("plain.bin", "", b"plain.bin" * 50)),
    ),
    "markdown": Wanted(
        plain_draft(addressed(), "# Titel\n\n**fett**\n", (), DEFAULTS, body_format="markdown"),
        "Grüße",
        "**fett**",
        "<strong>fett</strong>",
    ),
    "signature": Wanted(
        plain_draft(addressed(), "Hallo", (), Defaults("soc@example.com", signature_text="Das SOC\nRaum 1")),
        "Grüße",
        "-- \nDas SOC\nRaum 1",
    ),
    "template": Wanted(
        html_draft(
            addressed(subject="Fall {{ n }}", template_values={"n": 7, "who": "<Ann>"}),
            "<p>An {{ who }}</p>",
            "An {{ who }}",
            (),
            DEFAULTS,
        ),
        "Fall 7",
        "An <Ann>",
        "An &lt;Ann&gt;",
    ),
    "answer": Wanted(
        plain_draft(
            addressed(
                subject=None,
                in_reply_to=ALERT,
            ),
            "ok",
            (),
            DEFAULTS,
        ),
        "Re: Grüße",
        "ok",
        in_reply_to="<2@x.test>",
        references=("<1@x.test>", "<2@x.test>"),
    ),
}


@dataclass(frozen=True)
class Read:
    """The readings of a mail, by whoever read it."""

    octets: bytes
    by: dict[str, dict[str, Any]]


def in_python(octets: bytes) -> dict[str, Any]:
    mail = message_from_bytes(octets, policy=policy.default)
    assert isinstance(mail, EmailMessage)
    text, html = mail.get_body(("plain",)), mail.get_body(("html",))

    def people(name: str) -> list[list[str]]:
        return [list(one) for one in getaddresses([str(mail[name])])] if mail[name] else []

    files = [
        part
        for part in mail.walk()
        if not part.is_multipart() and part.get_content_disposition() in ("attachment", "inline")
    ]
    return {
        "subject": mail["Subject"] or "",
        "from": people("From"),
        "to": people("To"),
        "cc": people("Cc"),
        "in_reply_to": mail["In-Reply-To"] or "",
        "references": (mail["References"] or "").split(),
        "text": text.get_content() if text else "",
        "html": html.get_content() if html else "",
        "files": [
            [
                part.get_filename(),
                part.get_content_type(),
                (part["Content-ID"] or "").strip("<>"),
                hashlib.sha256(part.get_payload(decode=True)).hexdigest(),
            ]
            for part in files
        ],
    }


def by_others(folder: Path, files: dict[str, bytes]) -> list[dict[str, Any]]:
    """What npm's readers make of files, in their order."""
    for name, octets in files.items():
        (folder / name).write_bytes(octets)
    for source in SOURCES.glob("*.js"):
        (COMPILER / source.name).write_bytes(source.read_bytes())
    done = subprocess.run(
        ["node", "read.js", *(str(folder / name) for name in files)],
        cwd=COMPILER,
        check=True,
        capture_output=True,
        timeout=120,
    )
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


@pytest.fixture(scope="module", params=[True, False], ids=["8-bit", "7-bit"])
def read(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Read]:
    octets = {
        name: b"".join(wanted.draft.compose(eight_bit=request.param, smtputf8=False).content.chunks())
        for name, wanted in MAILS.items()
    }
    files = {f"{number}.eml": data for number, data in enumerate(octets.values())}
    others = by_others(tmp_path_factory.mktemp("mails"), files)
    return {
        name: Read(data, {"python": in_python(data), **found})
        for (name, data), found in zip(octets.items(), others, strict=True)
    }


@pytest.mark.parametrize("reader", ["python", "mailparser", "postal_mime"])
@pytest.mark.parametrize("name", MAILS)
def test_every_reader_finds_what_was_meant(read: dict[str, Read], name: str, reader: str) -> None:
    wanted, found = MAILS[name], read[name].by[reader]
    assert found["subject"] == wanted.subject
    sender = wanted.draft.author
    assert found["from"] == [[sender.name, str(sender.address)]]
    assert found["to"] == [["Doe, Jané", "jane@example.com"], ["", "bob@example.com"]]
    assert found["cc"] == [["李雷", "lilei@example.com"]]
    assert wanted.text in found["text"].replace("\r\n", "\n")
    assert wanted.html in found["html"]
    assert [(name, cid, sha) for name, _, cid, sha in found["files"]] == [
        (name, cid, hashlib.sha256(data).hexdigest()) for name, cid, data in wanted.files
    ]
    assert found["in_reply_to"] == wanted.in_reply_to
    assert tuple(found["references"]) == wanted.references


@pytest.mark.parametrize("reader", ["python", "mailparser", "postal_mime"])
def test_an_image_inside_the_html_is_found_as_a_part_of_the_mail(tmp_path: Path, reader: str) -> None:
    draft = html_draft(addressed(), f"<p>x <img src='{DATA_URL}' alt=dot></p>", None, (), DEFAULTS)
    data = b"".join(draft.compose(eight_bit=False, smtputf8=False).content.chunks())
    found = in_python(data) if reader == "python" else by_others(tmp_path, {"a.eml": data})[0][reader]
    ((name, kind, content_id, _),) = found["files"]
    assert (name, kind) == ("image1.gif", "image/gif")
    assert f"cid:{content_id}" in found["html"]


def invited(**more: Any) -> Draft:
    asked = {
        "start": "2026-07-01T10:00",
        "end": "2026-07-01T11:30",
        "timezone": "Europe/Berlin",
        "location": "Raum 1; Stock 2, links",
        "description": "Zeile 1\nZeile 2, \\ und " + "sehr lange " * 20,
        "uid": "u1@example.com",
        **more,
    }
    return invitation_draft(addressed(subject="Prüfung, Teil 2; Ende"), Invitation(**asked), DEFAULTS)


@pytest.mark.parametrize(
    ("more", "method", "status"),
    [
        ({"reminder_minutes": 15}, "REQUEST", "CONFIRMED"),
        ({"method": "cancel", "sequence": 3}, "CANCEL", "CANCELLED"),
    ],
)
def test_an_invitation_is_understood_by_another_calendar(
    tmp_path: Path, more: dict[str, Any], method: str, status: str
) -> None:
    draft = invited(**more)
    data = b"".join(draft.compose(eight_bit=False, smtputf8=False).content.chunks())
    mail = message_from_bytes(data, policy=policy.default)
    (inline,) = [part for part in mail.walk() if part.get_content_type() == "text/calendar"]
    (file,) = [part for part in mail.walk() if part.get_content_type() == "application/ics"]
    events = by_others(
        tmp_path, {"a.ics": inline.get_payload(decode=True), "b.ics": file.get_payload(decode=True)}
    )
    for event in events:
        assert (event["method"], event["status"], event["uid"]) == (method, status, "u1@example.com")
        assert event["summary"] == "Prüfung, Teil 2; Ende"
        assert event["location"] == "Raum 1; Stock 2, links"
        assert event["description"] == "Zeile 1\nZeile 2, \\ und " + "sehr lange " * 20
        assert (event["start"], event["end"]) == ("2026-07-01T08:00:00.000Z", "2026-07-01T09:30:00.000Z")
        assert event["organizer"] == "mailto:joerg@example.com"
        assert event["attendees"] == [
            ["Doe, Jané", "mailto:jane@example.com", "REQ-PARTICIPANT"],
            ["", "mailto:bob@example.com", "REQ-PARTICIPANT"],
            ["李雷", "mailto:lilei@example.com", "OPT-PARTICIPANT"],
        ]
        assert event["alarms"] == (["-PT15M"] if "reminder_minutes" in more else [])
        assert event["sequence"] == more.get("sequence", 0)
