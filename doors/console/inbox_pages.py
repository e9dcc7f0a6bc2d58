"""Pages of the inbox: what the catcher was given, and how it is asked to go wrong."""

from __future__ import annotations

from urllib.parse import quote

from starlette.responses import Response

from doors.console.catcher import FAULTS, STEPS, Catcher, CaughtMail, Chaos
from doors.console.mail_view import readable, view
from doors.console.run_pages import framed
from doors.console.vault_pages import PLAIN
from doors.console.visit import NotThere, Visit, go


def index(visit: Visit) -> Response:
    """GET /inbox"""
    catcher = _catcher(visit)
    mails = [(mail, _field(mail, b"subject"), _field(mail, b"from")) for mail in catcher.mailbox.list()]
    return visit.page("inbox.html", mails=mails, catcher=catcher, faults=FAULTS, steps=STEPS)


def show(visit: Visit) -> Response:
    """GET /inbox/N"""
    mail = _mail(visit)
    return visit.page("mail.html", mail=mail, view=view(mail.content))


def html(visit: Visit) -> Response:
    """GET /inbox/N/html: for a sandboxed frame."""
    return framed(view(_mail(visit).content).html)


def source(visit: Visit) -> Response:
    """GET /inbox/N/source: the octets as they arrived, as a download."""
    mail = _mail(visit)
    return _download(mail.content, f"mail-{mail.number}.eml")


def attachment(visit: Visit) -> Response:
    """GET /inbox/N/parts/M"""
    wanted = visit.number("part")
    for part in view(_mail(visit).content).attachments:
        if part.number == wanted:
            return _download(part.content, part.name or f"part-{part.number}")
    raise NotThere("The mail has no such attachment.")


def clear(visit: Visit) -> Response:
    """POST /inbox/clear"""
    _catcher(visit).mailbox.clear()
    visit.console.audit.write(visit.name, "inbox cleared")
    return go("/inbox", "inbox-cleared")


def chaos(visit: Visit) -> Response:
    """POST /inbox/chaos"""
    fault, step, percent = visit.value("fault"), visit.value("step"), visit.value("percent")
    if (
        fault not in ("", *FAULTS)
        or step not in STEPS
        or not (percent.isdecimal() and len(percent) < 4)
        or not 1 <= int(percent) <= 100
    ):
        raise NotThere("Choose a fault, a step and a probability from 1 to 100 %.")
    _catcher(visit).chaos = Chaos(fault, step, int(percent) / 100)
    visit.console.audit.write(visit.name, "chaos", fault or "none", step=step, percent=int(percent))
    return go("/inbox", "chaos-set")


def _download(octets: bytes, name: str) -> Response:
    disposition = f"attachment; filename*=utf-8''{quote(name, safe='')}"
    return Response(
        octets,
        media_type=PLAIN,
        headers={
            "Content-Disposition": disposition,
            "Content-Security-Policy": "sandbox; default-src 'none'",
        },
    )


def _catcher(visit: Visit) -> Catcher:
    if visit.console.catcher is None:
        raise NotThere("This console has no inbox: start it with --catch.")
    return visit.console.catcher


def _mail(visit: Visit) -> CaughtMail:
    mail = _catcher(visit).mailbox.get(visit.number("id"))
    if mail is None:
        raise NotThere(
            "There is no such mail in the inbox; it keeps the latest ones until the console stops."
        )
    return mail


def _field(mail: CaughtMail, name: bytes) -> str:
    """A header field, for a list: without taking the whole mail apart."""
    head = mail.content[:65536].partition(b"\r\n\r\n")[0].replace(b"\r\n ", b" ").replace(b"\r\n\t", b" ")
    for line in head.split(b"\r\n"):
        found, _, value = line.partition(b":")
        if found.strip().lower() == name:
            return readable(value.decode("utf-8", errors="replace").strip())
    return ""
