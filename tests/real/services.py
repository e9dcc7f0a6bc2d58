"""The ports of the real Postfix: each way of TLS with and without what changes how a message travels."""

from __future__ import annotations

from itertools import product
from types import MappingProxyType

from tests.real.postfix import Service

TLS_MODES = ("plain", "starttls", "ssl")
RELAY = Service()
"""Plain SMTP with everything on offer; what Dovecot hands accepted mail to."""

TRANSPORTS = tuple(
    Service(tls=tls, without=without)
    for tls, without in product(TLS_MODES, [(), ("chunking",), ("pipelining",), ("chunking", "pipelining")])
)
"""TLS × CHUNKING × PIPELINING."""
OLD = Service(
    without=("8bitmime", "smtputf8", "chunking", "pipelining", "size", "enhancedstatuscodes", "dsn")
)
"""A server of 1995: plain RFC 1869 with no extension that matters."""
NO_SMTPUTF8 = Service(smtputf8=False)
FIFTY_AT_MOST = Service(recipient_limit=50)
DEFAULT_LIMITS = Service(error_limits=True)
"""As Postfix comes: 1,000 recipients a transaction, and 20 errors a session."""
PASSWORD_MECHANISMS = ("PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256")
BEARER_MECHANISMS = ("XOAUTH2", "OAUTHBEARER")
LOGIN_BY = MappingProxyType(
    {
        name: Service(tls="starttls", login=True, mechanisms=name.lower())
        for name in (*PASSWORD_MECHANISMS, *BEARER_MECHANISMS)
    }
)
"""Ports that know one mechanism only."""
LOGIN_STARTTLS = Service(tls="starttls", login=True)
LOGIN_SSL = Service(tls="ssl", login=True)

ALL_SERVICES = (
    *TRANSPORTS,
    OLD,
    NO_SMTPUTF8,
    FIFTY_AT_MOST,
    DEFAULT_LIMITS,
    LOGIN_STARTTLS,
    LOGIN_SSL,
    *LOGIN_BY.values(),
)


def name_of(value: object) -> str | None:
    """A short name for a service in a test's id."""
    if not isinstance(value, Service):
        return None
    return "-".join((value.tls, *(f"no_{keyword}" for keyword in value.without)))
