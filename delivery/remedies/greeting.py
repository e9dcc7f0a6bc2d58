"""Replies to the connection, EHLO and STARTTLS, and those that want TLS later on."""

from __future__ import annotations

from delivery.remedies.case import ANYWHERE, GREETING, MINUTE, Case, Subject, setting, wait
from smtp.errors import Step

_TLS_FIRST = setting(
    "The server wants TLS first: set ssl_config to StartTLS (port 587) or SSL (port 465).",
    Subject.TLS,
    "530-5.7.0",
)
_NO_TLS_NOW = wait(
    "The server can't begin TLS just now: try again later, or choose SSL (port 465).", Subject.SERVER, 5 * MINUTE,
    "454-4.7.0",
)  # fmt: skip
_OTHER_TLS = setting(
    "The server, or its policy, does not take this TLS connection: have its administrator say which version and "
    "certificate (client_cert) it wants.",
    Subject.TLS,
    "530-5.7.0",
)
_NOT_ALLOWED_ADDRESS = setting(
    "The server takes mail from listed addresses only: have this machine's public address added to its list.",
    Subject.RELAY,
    "550-5.7.54",
)
_OWN_NAME = setting(
    "The server does not like the name that we greet it with: set ehlo_name to this machine's full host name, with a "
    "dot in it and an entry in DNS.",
    Subject.OWN_NAME,
    "504-5.5.2",
)
_BLOCKED = setting(
    "The server refuses this machine before anything is said: its address is on a block list, or has no name in DNS. "
    "Send through your provider's server instead of directly.",
    Subject.REPUTATION,
    "550-5.7.606",
)

CASES = (
    Case(ANYWHERE, (451,), ("5.7.3", "4.7.3", "4.7.0", ""), ("starttls",), _TLS_FIRST),
    Case(ANYWHERE, (421, 454, 550, 554), (), ("tls required", "tls is required", "must issue a starttls",
         "encryption required", "requires tls", "starttls is required"), _TLS_FIRST),
    Case(ANYWHERE, (421,), (), ("not in whitelist",), _NOT_ALLOWED_ADDRESS),
    Case((Step.STARTTLS,), (421, 454), (), (), _NO_TLS_NOW),
    Case(ANYWHERE, (454,), (), ("appropriate tls channel",), _OTHER_TLS),
    Case(ANYWHERE, (450, 501, 504, 550, 554), (), ("helo command rejected", "helo/ehlo", "bad helo",
         "fully-qualified hostname", "invalid domain name", "helo domain"), _OWN_NAME),
    Case((Step.EHLO,), (501, 504, 550, 553), (), (), _OWN_NAME),
    Case(GREETING, (550, 553, 554), (), (), _BLOCKED),
)  # fmt: skip
