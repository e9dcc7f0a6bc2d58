"""Send a mail from Python with the `smtp` package alone: standard library only, nothing of SOAR.

    python examples/library.py mail.example.com 587 soc@example.com jane@example.com

The password is asked for; an empty one means that the server wants no login.
"""

from __future__ import annotations

import argparse
import sys
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from getpass import getpass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # the checkout: this file lies beside it

import smtp


def address(text: str) -> smtp.Address:
    local_part, _, domain = text.rpartition("@")
    return smtp.Address(local_part, domain)


def message(sender: smtp.Address, recipients: tuple[smtp.Address, ...]) -> bytes:
    mail = EmailMessage()
    mail["From"], mail["To"] = str(sender), ", ".join(map(str, recipients))
    mail["Subject"] = "Sent without SOAR"
    mail["Date"], mail["Message-ID"] = formatdate(localtime=True), make_msgid(domain=sender.domain)
    mail.set_content("It works.\n")
    return mail.as_bytes()


def send(
    host: str,
    port: int,
    credentials: smtp.PasswordCredentials | None,
    tls: smtp.TlsSettings,
    envelope: smtp.Envelope,
    content: smtp.Octets,
) -> smtp.Delivery:
    """What became of the message for each recipient. Raises `SmtpError` when it did not get that far."""
    options = smtp.Options(implicit_tls=port == 465, context=smtp.make_context(tls))
    with smtp.Session.connect(host, port, options) as session:
        session.hello()
        if session.tls is None:
            session.start_tls()
            session.hello()
        print(f"connected to {session.peer} with {session.tls.version if session.tls else 'no TLS'}")
        print(f"it offers: {session.extensions}")
        if credentials is not None:
            print(f"logged in with {session.authenticate(credentials)}")
        return session.send(envelope, content)


def main() -> int:
    parser = argparse.ArgumentParser(description="Send a mail with the smtp package.")
    parser.add_argument("host")
    parser.add_argument("port", type=int, help="465: TLS from the first byte; any other: STARTTLS")
    parser.add_argument("sender", type=address)
    parser.add_argument("recipients", type=address, nargs="+")
    parser.add_argument(
        "--ca-bundle", type=Path, help="a PEM file of authorities to trust instead of the system's"
    )
    arguments = parser.parse_args()
    envelope = smtp.Envelope(arguments.sender, tuple(arguments.recipients))
    content = smtp.Octets(message(arguments.sender, envelope.recipients))
    password = getpass(f"Password of {arguments.sender}: ")
    credentials = smtp.PasswordCredentials(str(arguments.sender), password) if password else None
    tls = smtp.TlsSettings(authorities=arguments.ca_bundle.read_text() if arguments.ca_bundle else "")
    delivery = send(arguments.host, arguments.port, credentials, tls, envelope, content)
    print(f"{delivery.outcome}: {delivery.reply or delivery.failure}")
    for recipient in delivery.recipients:
        print(f"  {recipient.address}: {recipient.status} {recipient.reply or ''}".rstrip())
    return 0 if delivery.outcome == "sent" else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (smtp.SmtpError, smtp.InvalidValue, OSError) as error:
        sys.exit(f"library.py: {error}")
    except (EOFError, KeyboardInterrupt):
        sys.exit("library.py: stopped")
