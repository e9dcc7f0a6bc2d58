"""SMTP for programs that send mail and have to know what became of it. Standard library only.

    import smtp

    with smtp.Session.connect("mail.example.com", 587) as session:
        session.hello()
        session.start_tls()
        session.hello()
        session.authenticate(smtp.PasswordCredentials("soc@example.com", password))
        delivery = session.send(smtp.Envelope(sender, recipients), smtp.Octets(message))
    print(delivery.outcome)

Each name is loaded when it is first used: what a program does not need costs it nothing (PEP 562).
"""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from smtp.content import Content, Octets
    from smtp.envelope import Address, Body, Envelope
    from smtp.errors import Category, ConnectionLost, InvalidValue, MailError, Refused, SmtpError
    from smtp.options import Options, Timeouts
    from smtp.outcome import Delivery, Outcome, RecipientDelivery, Status
    from smtp.sasl.credentials import BearerCredentials, ExternalCredentials, PasswordCredentials
    from smtp.session import Session
    from smtp.tls import ClientCertificate, TlsSettings, make_context

__all__ = [
    "Address",
    "BearerCredentials",
    "Body",
    "Category",
    "ClientCertificate",
    "ConnectionLost",
    "Content",
    "Delivery",
    "Envelope",
    "ExternalCredentials",
    "InvalidValue",
    "MailError",
    "Octets",
    "Options",
    "Outcome",
    "PasswordCredentials",
    "RecipientDelivery",
    "Refused",
    "Session",
    "SmtpError",
    "Status",
    "Timeouts",
    "TlsSettings",
    "make_context",
]


def __getattr__(name: str) -> object:
    """Load the module that has `name`. Raises `AttributeError` for what is not in `__all__`."""
    if name not in __all__:
        raise AttributeError(f"module 'smtp' has no attribute {name!r}")
    home: ModuleType
    if name == "Session":
        import smtp.session

        home = smtp.session
    elif name in ("Options", "Timeouts"):
        import smtp.options

        home = smtp.options
    elif name in ("Address", "Body", "Envelope"):
        import smtp.envelope

        home = smtp.envelope
    elif name in ("Content", "Octets"):
        import smtp.content

        home = smtp.content
    elif name in ("Delivery", "Outcome", "RecipientDelivery", "Status"):
        import smtp.outcome

        home = smtp.outcome
    elif name.endswith("Credentials"):
        import smtp.sasl.credentials

        home = smtp.sasl.credentials
    elif name in ("ClientCertificate", "TlsSettings", "make_context"):
        import smtp.tls

        home = smtp.tls
    else:
        import smtp.errors

        home = smtp.errors
    found: object = getattr(home, name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return __all__
