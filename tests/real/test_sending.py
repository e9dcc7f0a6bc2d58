"""The three send actions through Postfix: what landed in the mailboxes is what was asked."""

from __future__ import annotations

import email.utils
from pathlib import Path

import pytest

from host.local.home import Home
from tests.real.certificates import Certificates
from tests.real.connector import SENDER, Fields, Run, act, asset, switches
from tests.real.mailboxes import Delivered
from tests.real.people import ALICE, BLOCKED, BOB, CAROL, UNKNOWN
from tests.real.postfix import Postfix, Service
from tests.real.services import OLD, RELAY, TRANSPORTS, name_of

PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00"
ODD_TEXT = "first line\r\nzweite Zeile, no line end: \u00fc\n\rthird".encode()
PDF = bytes(range(256)) * 400


@pytest.fixture(params=[*TRANSPORTS, OLD], ids=name_of)
def service(request: pytest.FixtureRequest) -> Service:
    chosen: Service = request.param
    return chosen


@pytest.fixture
def fields(service: Service, postfix: Postfix, certificates: Certificates) -> Fields:
    return asset(postfix.port(service), service.tls, certificates)


def _store(home: Home, folder: Path, name: str, content: bytes, container_id: str = "") -> str:
    """The vault id of a file with this content."""
    path = folder / "upload"
    path.write_bytes(content)
    return home.vault.add(path, container_id, name).vault_id


def _arrived(run: Run, postfix: Postfix, *recipients: str) -> list[Delivered]:
    """What each recipient got; the server's own fields agree with the envelope that was asked for."""
    assert run.succeeded, run.message
    found = [postfix.mailboxes.wait_for(recipient, run.data["message_id"]) for recipient in recipients]
    for recipient, delivered in zip(recipients, found, strict=True):
        assert delivered.added["return-path"] == f"<{SENDER}>"
        assert delivered.added["x-original-to"] == recipient
        assert delivered.added["delivered-to"] == recipient
        assert len(delivered.content) == run.data["size"]
    return found


def _has_what_every_message_has(delivered: Delivered, run: Run) -> None:
    message = delivered.message
    assert message["Message-ID"] == run.data["message_id"]
    assert message["Message-ID"].endswith("@example.com>")
    assert email.utils.parsedate_to_datetime(message["Date"]).tzinfo is not None
    assert message["Bcc"] is None
    names = [name.lower() for name, _ in message.items()]
    assert len(names) == len(set(names))


def test_a_plain_text_mail_arrives_as_asked(fields: Fields, service: Service, postfix: Postfix) -> None:
    body = "Grüße aus Köln\n.\n..zwei Punkte\nlast line"
    subject = "Prüfung: ½ der Änderungen ✓ " + "und noch mehr " * 8
    to, cc = f'"Doe, Jane" <{ALICE}>, {BOB}', CAROL
    parameters = {"to": to, "cc": cc, "subject": subject.strip(), "body": body}
    run = act("send_email", fields, parameters)
    for delivered in _arrived(run, postfix, ALICE, BOB, CAROL):
        message = delivered.message
        assert message["Subject"] == subject.strip()
        assert message["From"] == SENDER
        assert [(a.display_name, a.addr_spec) for a in message["To"].addresses] == [
            ("Doe, Jane", ALICE),
            ("", BOB),
        ]
        assert message["Cc"] == CAROL
        assert message.get_content_type() == "text/plain"
        assert message.get_content().replace("\r\n", "\n").rstrip("\n") == body
        assert all(len(line) <= 998 for line in delivered.content.split(b"\r\n"))
        if service is OLD:
            assert delivered.content.isascii()
        _has_what_every_message_has(delivered, run)
    assert run.result["message"] == "Email sent"
    assert run.data["outcome"] == "sent"
    assert run.result["summary"] == {"recipients": 3, "accepted": 3, "refused": 0}


def test_the_result_says_how_it_travelled(fields: Fields, service: Service, postfix: Postfix) -> None:
    run = act("send_email", fields, {"to": ALICE, "subject": "How", "body": "Look at the result."})
    (delivered,) = _arrived(run, postfix, ALICE)
    data = run.data
    assert data["server"].startswith("localhost:")
    assert data["auth_method"] == "Passwordless"
    assert data["auth_mechanism"] == ""
    assert f" id {data['queue_id']}" in delivered.added["received"]
    (recipient,) = data["recipients"]
    assert (recipient["address"], recipient["status"], recipient["code"]) == (ALICE, "accepted", 250)
    if service.tls == "plain":
        assert not data["tls_version"]
        assert "ESMTPS" not in delivered.added["received"]
    else:
        assert data["tls_version"] in ("TLSv1.2", "TLSv1.3")
        assert data["tls_version"] in delivered.added["received"]
        assert data["tls_cipher"] in delivered.added["received"]


def test_html_gets_a_readable_text_beside_it(fields: Fields, postfix: Postfix) -> None:
    body = "\n<!DOCTYPE html><html><body><h1>Ünïcode</h1><p>Read <a href='https://example.com/x'>this</a>.</p></body></html>"
    run = act("send_email", fields, {"to": ALICE, "subject": "HTML", "body": body})
    (delivered,) = _arrived(run, postfix, ALICE)
    assert delivered.message.get_content_type() == "multipart/alternative"
    (text_type, _, text), (html_type, _, html) = delivered.parts
    assert (text_type, html_type) == ("text/plain", "text/html")
    assert "Ünïcode" in text.decode()
    assert "<h1>" not in text.decode()
    assert "<h1>Ünïcode</h1>" in html.decode()
    _has_what_every_message_has(delivered, run)


def test_attachments_keep_their_names_and_their_bytes(
    fields: Fields, postfix: Postfix, home: Home, tmp_path: Path
) -> None:
    files = {"report.pdf": PDF, "Übersicht – Q3.txt": ODD_TEXT, 'quote".bin': b"", "photo.png": PNG}
    ids = [_store(home, tmp_path, name, content) for name, content in files.items()]
    parameters = {"to": ALICE, "subject": "Files", "body": "See them.", "attachments": ", ".join(ids)}
    run = act("send_email", fields, parameters)
    (delivered,) = _arrived(run, postfix, ALICE)
    assert delivered.message.get_content_type() == "multipart/mixed"
    assert {name: content for _, name, content in delivered.parts[1:]} == files
    assert [(a["vault_id"], a["name"], a["size"]) for a in run.data["attachments"]] == [
        (vault_id, name, len(content)) for vault_id, (name, content) in zip(ids, files.items(), strict=True)
    ]


def test_an_html_mail_with_an_inline_image_and_an_attachment(
    fields: Fields, postfix: Postfix, home: Home, tmp_path: Path
) -> None:
    logo = _store(home, tmp_path, "logo.png", PNG)
    report = _store(home, tmp_path, "report.pdf", PDF)
    parameters = {
        "from": SENDER,
        "to": [ALICE],
        "bcc": BOB,
        "subject": "Inline",
        "html_body": '<p style="color: red">Logo: <img src="cid:logo@here" alt="logo"></p>',
        "text_body": "Logo: see the HTML part",
        "attachment_json": [{"vault_id": logo, "content_id": "logo@here"}],
        "attachment1": report,
        "headers": '{"X-Case": "4711", "Reply-To": "desk@example.com"}',
    }
    run = act("send_htmlemail", fields, parameters)
    for delivered in _arrived(run, postfix, ALICE, BOB):
        message = delivered.message
        assert message["X-Case"] == "4711"
        assert message["Reply-To"] == "desk@example.com"
        assert BOB.encode() not in delivered.content
        types = [part.get_content_type() for part in message.walk()]
        assert types == [
            "multipart/mixed",
            "multipart/related",
            "multipart/alternative",
            "text/plain",
            "text/html",
            "image/png",
            "application/pdf",
        ]
        (_, _, text), (_, _, html), image, attachment = delivered.parts
        assert text.decode().strip() == "Logo: see the HTML part"
        assert 'src="cid:logo@here"' in html.decode()
        assert image == ("image/png", "logo.png", PNG)
        assert attachment == ("application/pdf", "report.pdf", PDF)
        assert [part["Content-ID"] for part in message.walk() if part["Content-ID"]] == ["<logo@here>"]
        _has_what_every_message_has(delivered, run)


def test_a_raw_mail_keeps_its_header_and_its_body(fields: Fields, postfix: Postfix) -> None:
    header = (
        "Received-SPF: pass\r\nfrom: Somebody Else <sender@example.com>\r\nX-Folded: one\r\n\ttwo\r\n   three\r\n"
        f"To: {ALICE}\r\nMessage-ID: <{{0}}@example.com>\r\nSUBJECT: odd   spacing  kept\r\n"
    )
    header = header.format(abs(hash(fields["port"])))
    raw = f"{header}Bcc: {BOB}\r\nBcc:\r\n {CAROL}\r\n\r\n.\r\n..body\r\n\r\n  kept  \r\n"
    run = act("send_rawemail", fields, {"raw_email": raw})
    for delivered in _arrived(run, postfix, ALICE, BOB, CAROL):
        assert delivered.content.startswith(header.encode())
        assert delivered.content.endswith(b"\r\n\r\n.\r\n..body\r\n\r\n  kept  \r\n")
        assert b"bcc" not in delivered.content.lower()


def test_refused_recipients_are_named_and_the_others_get_their_mail(fields: Fields, postfix: Postfix) -> None:
    parameters = {"to": f"{ALICE}, {BLOCKED}", "cc": UNKNOWN, "bcc": BOB, "subject": "Partly", "body": "."}
    run = act("send_email", fields, parameters)
    _arrived(run, postfix, ALICE, BOB)
    assert run.data["outcome"] == "partly sent"
    assert run.result["summary"] == {"recipients": 4, "accepted": 2, "refused": 2}
    message = run.result["message"]
    assert message.startswith("Email sent to 2 of 4 recipients; refused: ")
    assert f"{BLOCKED} (550 5.7.1 " in message
    assert f"{UNKNOWN} (550 5.1.1 " in message
    assert [r["status"] for r in run.data["recipients"]] == ["accepted", "refused", "refused", "accepted"]


@pytest.mark.parametrize("tls", ["plain", "starttls", "ssl"])
@pytest.mark.parametrize(
    "keywords", [("chunking",), ("pipelining",), ("chunking", "pipelining")], ids="-".join
)
def test_the_switches_of_the_asset_are_obeyed(
    postfix: Postfix, certificates: Certificates, tls: str, keywords: tuple[str, ...]
) -> None:
    service = Service(tls=tls)
    before = len(postfix.sessions(service))
    off = switches(Service(without=keywords))
    run = act(
        "send_email",
        asset(postfix.port(service), tls, certificates, **off),
        {"to": ALICE, "subject": "Off", "body": "text"},
    )
    _arrived(run, postfix, ALICE)
    assert ("data" in postfix.next_session(service, before)) == ("chunking" in keywords)


def test_many_parameter_sets_use_one_session(postfix: Postfix, certificates: Certificates) -> None:
    before = len(postfix.sessions(RELAY))
    sets = [{"to": ALICE, "subject": f"Number {number}", "body": "text"} for number in range(19)]
    sets[7]["to"] = BLOCKED
    run = act("send_email", asset(postfix.port(RELAY), "plain", certificates), *sets)
    assert [result["status"] for result in run.results] == [
        "failed" if n == 7 else "success" for n in range(19)
    ]
    for number, result in enumerate(run.results):
        if number != 7:
            message_id = result["data"][0]["message_id"]
            delivered = postfix.mailboxes.wait_for(ALICE, message_id)
            assert delivered.message["Subject"] == f"Number {number}"
    session = postfix.next_session(RELAY, before)
    assert session["mail"] == "19"
    assert session["rcpt"] == "18/19"
    assert len(postfix.sessions(RELAY)) == before + 1
