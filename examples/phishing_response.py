"""A playbook: somebody reported a phishing mail.

1. Test the connection: without mail there is no point in going on.            test connectivity
2. Alert the analysts, with the reported mail as evidence from the vault.      send email
3. Warn each person who received it.                                           send htmlemail
   Whoever's mailbox refuses the warning is handed to the help desk instead,   send email
   because a warning that did not arrive warns nobody.
4. Report it to the provider it came from, in the format of RFC 5965.          send rawemail

    python examples/phishing_response.py --asset asset.json

Without further options every mail goes to the asset's own sender, so that trying it out bothers nobody else.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from email import policy
from email.message import EmailMessage
from email.mime.base import MIMEBase
from email.mime.message import MIMEMessage
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from email.parser import BytesParser
from email.utils import formatdate, make_msgid
from html import escape
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
sys.path.insert(0, str(FOLDER.parent))  # the checkout: this file lies beside it, not in it

from actions.contract import HostError, VaultError  # noqa: E402
from host.local.home import Home  # noqa: E402 - the path comes first, as said above
from host.local.inputs import InputError, asset  # noqa: E402
from smtp_connector import act  # noqa: E402


@dataclass(frozen=True)
class Case:
    """What the playbook works on. `container_id` ties evidence and runs together."""

    container_id: str
    evidence: str
    """Vault id of the reported mail."""
    reported: EmailMessage
    phisher: str
    subject: str
    analysts: str
    affected: tuple[str, ...]
    help_desk: str
    abuse_desk: str
    sender: str


def respond(case: Case, asset_name: str) -> bool:
    """Run the playbook. Returns whether everybody was reached, one way or another."""
    connection = act("test connectivity", {}, asset_name)
    if not connection.success:
        say(f"No mail can be sent, so a person has to take over: {connection.message}")
        return False

    steps = [alert_analysts(case, asset_name)]
    unreached = warn_affected(case, asset_name)
    if unreached:
        steps.append(hand_to_help_desk(case, asset_name, unreached))
    steps.append(report_abuse(case, asset_name))
    return all(steps)


def alert_analysts(case: Case, asset_name: str) -> bool:
    body = (
        f"{case.phisher} sent a phishing mail to {len(case.affected)} of us.\n\n"
        f"Subject: {case.subject}\nThe mail itself is attached. Don't follow its links.\n"
    )
    results = act(
        "send email",
        {
            "to": case.analysts,
            "subject": f"Phishing reported (case {case.container_id})",
            "body": body,
            "attachments": case.evidence,
            "headers": {"X-Priority": "1"},
        },
        asset_name,
        case.container_id,
    )
    say(f"Analysts: {results.message}")
    return results.success


def warn_affected(case: Case, asset_name: str) -> dict[str, str]:
    """One mail each, all in one action run and one session. Returns who was not reached, and why."""
    parameters = [
        {
            "to": address,
            "subject": f"Please delete: {case.subject}",
            "html_body": f"<html><body><p>You received a <b>phishing mail</b> from {escape(case.phisher)}.</p>"
            "<p>Please delete it, and tell us if you followed its link.</p></body></html>",
        }
        for address in case.affected
    ]
    unreached = {}
    for address, result in zip(
        case.affected, act("send htmlemail", parameters, asset_name, case.container_id), strict=True
    ):
        say(f"Warning to {address}: {result.message}")
        if result.refused:
            # The server's last word about this mailbox. The others got theirs all the same.
            unreached[address] = "{code} {reply}".format_map(result.refused[0])
        elif result.outcome == "unknown":
            # It may have arrived. Sending it again could deliver it twice; a phone call can't.
            unreached[address] = "the connection was lost, so the warning may have arrived or not"
        elif not result.success:
            unreached[address] = result.message
    return unreached


def hand_to_help_desk(case: Case, asset_name: str, unreached: dict[str, str]) -> bool:
    listed = "\n".join(f"- {address}: {why}" for address, why in unreached.items())
    results = act(
        "send email",
        {
            "to": case.help_desk,
            "subject": f"Please call them: not reached by mail (case {case.container_id})",
            "body": f"They received a phishing mail, and our warning did not reach them:\n\n{listed}\n",
        },
        asset_name,
        case.container_id,
    )
    say(f"Help desk: {results.message}")
    return results.success


def report_abuse(case: Case, asset_name: str) -> bool:
    """`send rawemail` takes a message that something else has made, here in a format of its own."""
    results = act("send rawemail", {"raw_email": abuse_report(case)}, asset_name, case.container_id)
    say(f"Abuse desk: {results.message}")
    return results.success


def abuse_report(case: Case) -> str:
    """The reported mail in an abuse report (RFC 5965): a text for people, fields for programs, the mail."""
    report = MIMEMultipart("report", report_type="feedback-report")
    report["From"], report["To"] = case.sender, case.abuse_desk
    report["Subject"] = f"Abuse report: {case.subject}"
    # send rawemail adds nothing: what a mail should have is for its maker to give.
    report["Date"], report["Message-ID"] = formatdate(), make_msgid(domain="phishing-response.example")
    report.attach(MIMEText("This is a report about a phishing mail that came from your network.\n"))
    fields = MIMEBase("message", "feedback-report")
    fields.set_payload("Feedback-Type: fraud\nUser-Agent: phishing-response/1.0\nVersion: 1\n")
    report.attach(fields)
    report.attach(MIMEMessage(case.reported))
    return report.as_string()


def say(text: str) -> None:
    print(text, flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description="Respond to a reported phishing mail.")
    parser.add_argument(
        "--asset", required=True, help="a JSON file of asset fields, or the name of a stored asset"
    )
    parser.add_argument("--evidence", type=Path, default=FOLDER / "evidence" / "reported-mail.eml")
    parser.add_argument("--affected", nargs="+", metavar="ADDRESS", help="who received the phishing mail")
    for who in ("analysts", "help-desk", "abuse-desk"):
        parser.add_argument(f"--{who}", metavar="ADDRESS")
    arguments = parser.parse_args()

    home = Home()
    fields = asset(arguments.asset, home).config
    sender = fields.get("sender_address") or fields.get("username")
    if not sender:
        raise InputError("The asset needs a sender_address for this example.")
    container_id = "4711"
    reported = BytesParser(policy=policy.default).parsebytes(arguments.evidence.read_bytes())
    case = Case(
        container_id=container_id,
        evidence=home.vault.add(arguments.evidence, container_id).vault_id,
        reported=reported,
        phisher=str(reported["From"] or "somebody unknown"),
        subject=str(reported["Subject"] or "(no subject)"),
        analysts=arguments.analysts or sender,
        affected=tuple(arguments.affected or [sender]),
        help_desk=arguments.help_desk or sender,
        abuse_desk=arguments.abuse_desk or sender,
        sender=sender,
    )
    return 0 if respond(case, arguments.asset) else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (InputError, HostError, VaultError, OSError) as error:
        sys.exit(f"phishing_response.py: {error}")
