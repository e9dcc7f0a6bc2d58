"""The account that mail is sent over: the settings of an asset, parsed once."""

from __future__ import annotations

from typing import NamedTuple

from auth.settings import Login
from smtp.text import repr_without

_SECRETS = frozenset(
    {
        "dkim_key",
        "smime_certificate",
        "smime_key",
        "smime_key_password",
        "client_cert",
        "client_key",
        "client_key_password",
        "proxy",
    }
)
PROTECTING = (
    "dkim_selector",
    "dkim_domain",
    "dkim_key",
    "smime_certificate",
    "smime_key",
    "smime_recipients",
)
"""The fields that have mails signed or encrypted: whoever fills in any of them wants it."""


class Asset(NamedTuple):
    """The asset's settings, from the fields that `connector.json` declares; those of the login are in `login`.

    Texts that were not given are "". Secrets are left out of the `repr`.
    """

    login: Login
    ssl_config: str
    """None, SSL or StartTLS, as in the manifest."""
    sender_address: str = ""
    signature_text: str = ""
    signature_html: str = ""
    allowed_recipients: str = ""
    denied_recipients: str = ""
    max_recipients: int | None = None
    redirect_to: str = ""
    dkim_selector: str = ""
    dkim_domain: str = ""
    dkim_key: str = ""
    smime_certificate: str = ""
    smime_key: str = ""
    smime_key_password: str = ""
    smime_recipients: str = ""
    allow_smtputf8: bool = True
    encoding: bool = True
    verify_server_cert: bool = True
    client_cert: str = ""
    client_key: str = ""
    client_key_password: str = ""
    allow_plaintext_auth: bool = False
    sasl_mechanism: str = ""
    """The only one to log in with; "" leaves it to what the server offers."""
    ehlo_name: str = ""
    proxy: str = ""
    """A URL that may hold a password; "" for none."""
    fallback_servers: str = ""
    """HOST or HOST:PORT, separated by commas; "" for none."""
    server_name: str = ""
    """The name that the server's certificate has to be for; "" is `server`."""
    disable_pipelining: bool = False
    disable_chunking: bool = False
    max_connections: int = 3
    """Microsoft 365 lets a mailbox have three at once, and is the strictest that we know of."""
    messages_per_minute: int = 0
    """0: no limit. Kept together with everybody who sends over the account."""
    recipients_per_day: int = 0
    """0: no limit."""
    window: int = 1
    """Messages of one connection whose end may be unanswered at the same time."""

    def __repr__(self) -> str:
        return repr_without(_SECRETS, "Asset", self._asdict())

    @property
    def id(self) -> str:
        """The host's name for the asset, which its state (tokens) hangs on."""
        return self.login.id

    @property
    def server(self) -> str:
        return self.login.server

    @property
    def port(self) -> int:
        return self.login.port

    @property
    def username(self) -> str:
        return self.login.username

    @property
    def ca_bundle(self) -> str:
        return self.login.ca_bundle

    @property
    def connection_timeout(self) -> float:
        """Seconds."""
        return self.login.connection_timeout

    @property
    def read_timeout(self) -> float:
        """Seconds."""
        return self.login.read_timeout
