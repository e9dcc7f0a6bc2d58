"""Results of sends, as the platform hands them to a view."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from actions.report import failure_data, nothing_delivered
from delivery.attempt import Facts
from smtp.errors import Category, MailError
from smtp_result_view import PAGE, display_result
from tests.platform.pages import page

ACCEPTED_RECIPIENT = {"status": "accepted", "code": 250, "reply": "250 2.1.5 Ok", "retryable": False}
REFUSED_RECIPIENT = {
    "status": "refused",
    "code": 550,
    "reply": "550 5.1.1 <bob@example.com>: no such user",
    "retryable": False,
}
BUSY_RECIPIENT = {"status": "refused", "code": 450, "reply": "450 4.2.1 Mailbox busy", "retryable": True}
UNTRIED_RECIPIENT = {"status": "not tried", "code": None, "reply": "", "retryable": True}

PARTLY_SENT_MAIL: Mapping[str, Any] = nothing_delivered(Facts()) | {
    "outcome": "partly sent",
    "message_id": "<178365.c0ffee@example.com>",
    "sender": "soc@example.com",
    "recipients": [
        {"address": "alice@example.com", **ACCEPTED_RECIPIENT},
        {"address": "bob@example.com", **REFUSED_RECIPIENT},
        {"address": "carol@example.com", **BUSY_RECIPIENT},
        {"address": "dora@example.com", **UNTRIED_RECIPIENT},
    ],
    "server_reply": "250 2.0.0 Ok: queued as 4B1F22C0A1",
    "queue_id": "4B1F22C0A1",
    "size": 1_500_000,
    "attachments": [
        {
            "vault_id": "ab2b2ccfba08ea538ef22f521caa01c3c2b17ccf",
            "name": "report.pdf",
            "size": 52_310,
            "sha256": "e3",
        }
    ],
    "warnings": [
        "verify_server_cert is off: whoever is between here and the server can read and change this mail."
    ],
    "server": "mail.example.com:587",
    "tls_version": "TLSv1.3",
    "tls_cipher": "TLS_AES_256_GCM_SHA384",
    "auth_method": "OAuth",
    "auth_mechanism": "XOAUTH2",
    "duration_ms": 184,
}
SENT_MAIL = {
    **PARTLY_SENT_MAIL,
    "outcome": "sent",
    "recipients": PARTLY_SENT_MAIL["recipients"][:1],
    "warnings": [],
}
UNSENT_MAIL = nothing_delivered(Facts()) | {
    "recipients": [{"address": "alice@example.com", **UNTRIED_RECIPIENT}],
    "server": "mail.example.com:587",
    "failure": failure_data(
        MailError(
            "",
            step="AUTH",
            category=Category.TEMPORARY,
            hint="Wait, and send fewer mails at once.",
            retryable=True,
            retry_after=60,
        )
    )
    | {"code": 454, "reply": "454 4.7.0 Temporary authentication failure"},
}
LOST_MAIL = {
    **SENT_MAIL,
    "outcome": "unknown",
    "recipients": [{"address": "alice@example.com", "status": "unknown"}],
}


class Result:
    """An action result, as the platform makes it again from what it recorded."""

    def __init__(
        self, *data: object, status: bool = True, message: str | None = "Email sent", **parameters: object
    ) -> None:
        self._data, self._status, self._message, self._parameters = list(data), status, message, parameters

    def get_data(self) -> Sequence[object]:
        return self._data

    def get_status(self) -> bool:
        return self._status

    def get_message(self) -> str | None:
        return self._message

    def get_param(self) -> Mapping[str, object]:
        return self._parameters


def shown(*results: Result, action: str = "send email", theme: str = "light") -> str:
    """The page for one run's results."""
    context: dict[str, Any] = {"theme": theme}
    name = display_result(action, [({"total_objects": len(results)}, results)], context)
    assert name == PAGE
    return page(name, context)
