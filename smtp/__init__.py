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

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from smtp.content import Content, Octets
    from smtp.envelope import Address, Body, Envelope
    from smtp.errors import Category, ConnectionLost, InvalidValue, MailError, Refused, SmtpError
    from smtp.options import Options, Timeouts
    from smtp.outcome import Delivery, Outcome, RecipientDelivery, Status
    from smtp.sasl.credentials import (
        BearerCredentials,
        CramMd5Auth,
        ExternalCredentials,
        PasswordCredentials,
        PlainAuth,
    )
    from smtp.session import Session
    from smtp.simple import send_mail
    from smtp.tls import ClientCertificate, TlsSettings, make_context

__all__ = [
    "Address",
    "BearerCredentials",
    "Body",
    "Category",
    "ClientCertificate",
    "ConnectionLost",
    "Content",
    "CramMd5Auth",
    "Delivery",
    "Envelope",
    "ExternalCredentials",
    "InvalidValue",
    "MailError",
    "Octets",
    "Options",
    "Outcome",
    "PasswordCredentials",
    "PlainAuth",
    "RecipientDelivery",
    "Refused",
    "Session",
    "SmtpError",
    "Status",
    "Timeouts",
    "TlsSettings",
    "make_context",
    "send_mail",
]


def __getattr__(name: str) -> Any:
    """Load the module that has `name`. Raises `AttributeError` for what is not in `__all__`."""
    if name not in __all__:
        raise AttributeError(f"module 'smtp' has no attribute {name!r}")
    if name == "Session":
        from smtp import session

        return session.Session
    if name in ("Options", "Timeouts"):
        from smtp import options

        return getattr(options, name)
    if name in ("Address", "Body", "Envelope"):
        from smtp import envelope

        return getattr(envelope, name)
    if name in ("Content", "Octets"):
        from smtp import content

        return getattr(content, name)
    if name in ("Delivery", "Outcome", "RecipientDelivery", "Status"):
        from smtp import outcome

        return getattr(outcome, name)
    if name == "send_mail":
        from smtp import simple

        return simple.send_mail
    if name.endswith(("Credentials", "Auth")):
        from smtp.sasl import credentials

        return getattr(credentials, name)
    if name in ("ClientCertificate", "TlsSettings", "make_context"):
        from smtp import tls

        return getattr(tls, name)
    from smtp import errors

    return getattr(errors, name)


def __dir__() -> list[str]:
    return __all__
