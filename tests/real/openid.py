"""A real OpenID provider, npm's oidc-provider, that the tests did not write: started, asked, and its account read."""

from __future__ import annotations

import json
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

from joserfc import jwt
from joserfc.jwk import RSAKey

from tests.auth.keys import own
from tests.real.certificates import Certificates, KeyPair
from tests.real.dovecot import Introspection
from tests.real.processes import Daemon, ServerTrouble, free_ports

_HERE = Path(__file__).parent
_MODULES = _HERE.parents[1] / ".local" / "provider" / "node_modules"
_SECRET = "introspection-secret"

PUBLIC_CLIENT = "desktop"
CONFIDENTIAL_CLIENT = "webapp"
SERVICE_CLIENT = "robot"
CERTIFICATE_CLIENT = "certified"
DEVICE_CLIENT = "television"
EXCHANGE_CLIENT = "exchanger"
ACCOUNT = "mailer@example.com"
"""The service account that the endpoints at /google know."""
MACHINE = "machine@example.com"
"""Whose token the metadata service gives."""
CONSOLE_CLIENT = "console"
CLIENT_SECRET = "client-secret-of-the-tests"
MICROSOFT = "login.microsoftonline.com"
"""A name under which the provider can be started where MSAL is to take it for Microsoft's."""
SHORT_LIFETIME = 3
"""Seconds that an access token lives where a test waits for its end."""


@dataclass(frozen=True)
class Grant:
    """One answer of the token endpoint. `error` is None where it gave a token."""

    grant: str | None
    client: str | None
    error: str | None


class OpenIdProvider:
    """Started on entry, gone on exit.

    Access tokens live `lifetime` seconds and have `token_octets` characters. Refresh tokens rotate; one that is
    used twice ends the sign-in. There are six clients: `PUBLIC_CLIENT` has no secret, `CONFIDENTIAL_CLIENT`
    has one, `SERVICE_CLIENT` acts on its own behalf, and so does `CERTIFICATE_CLIENT`, which has a key (RFC 7523) where
    the other has a secret. `DEVICE_CLIENT` signs people in with a code, and `EXCHANGE_CLIENT` exchanges a workload's
    token for one (RFC 8693). The first two are sent back to any port of this machine. What a service account asks
    Google is at `google`, and a machine's metadata service is at `metadata_url`.
    With a `console`, its address, there is `CONSOLE_CLIENT`, too, which has a secret.
    It goes by the name `host`; with a `tenant` its endpoints are where Microsoft has them for a tenant.
    """

    def __init__(
        self,
        folder: Path,
        certificates: Certificates,
        server: KeyPair,
        *,
        host: str = "localhost",
        tenant: str = "",
        lifetime: int = 3600,
        token_octets: int = 43,
        console: str = "",
    ) -> None:
        self._folder = folder
        self._authority = certificates.certificate
        self._server = server
        self._lifetime = lifetime
        self._token_octets = token_octets
        self._tenant = tenant
        self._console = console
        self._port, self._metadata_port = free_ports(2)
        self.issuer = f"https://{host}:{self._port}"
        endpoints = f"{self.issuer}/{tenant}/oauth2/v2.0" if tenant else self.issuer
        self.auth_url = f"{endpoints}/authorize" if tenant else f"{endpoints}/auth"
        self.token_url = f"{endpoints}/token"
        self.device_url = f"{endpoints}/device/auth"
        self.google = f"{self.issuer}/google"
        self.metadata_url = f"http://127.0.0.1:{self._metadata_port}"

    @property
    def introspection(self) -> Introspection:
        """What a mail server needs to ask whether a token is good."""
        login = f"mailserver:{quote(_SECRET)}"
        return Introspection(f"https://{login}@localhost:{self._port}/token/introspection", self._authority)

    @property
    def grants(self) -> list[Grant]:
        """Every answer of the token endpoint so far, oldest first."""
        lines = (self._folder / "provider.log").read_text().splitlines()
        return [Grant(**json.loads(line)) for line in lines if line.startswith("{")]

    def __enter__(self) -> Self:
        if not _MODULES.is_dir():
            raise ServerTrouble("oidc-provider is not installed. `make test-real` installs it.")
        # Node looks for modules beside the script that asks for them.
        shutil.copy(_HERE / "provider" / "server.mjs", self._folder)
        (self._folder / "node_modules").symlink_to(_MODULES)
        settings = self._folder / "settings.json"
        settings.write_text(json.dumps(self._settings()))
        self._daemon = Daemon(
            ["node", str(self._folder / "server.mjs"), str(settings)],
            log=self._folder / "provider.log",
            ports=[self._port, self._metadata_port],
        )
        self._daemon.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._daemon.__exit__(kind, error, trace)

    def forget_everything(self) -> None:
        """Lose every token and sign-in, as a provider does that an administrator has reset."""
        self._daemon.__exit__(None, None, None)
        self._daemon.__enter__()

    def _settings(self) -> dict[str, Any]:
        return {
            "issuer": self.issuer,
            "port": self._port,
            "tenant": self._tenant,
            "certificate": str(self._server.certificate),
            "key": str(self._server.key),
            "clients": self._clients(),
            "lifetime": self._lifetime,
            "token_octets": self._token_octets,
            "metadata_port": self._metadata_port,
            "platform_key": own("platform").public,
            "account_key": own("account").public,
            "account_private_key": own("account").key_pem,
            "elsewhere_client": SERVICE_CLIENT,
        }

    def workload_token(self, subject: str, **claims: Any) -> str:
        """A statement of the platform's that the workload is `subject`, for this provider."""
        now = int(time.time())
        whole = {
            "iss": "https://platform.example",
            "aud": self.issuer,
            "iat": now,
            "exp": now + 300,
            "sub": subject,
        }
        return jwt.encode({"alg": "RS256"}, whole | claims, RSAKey.import_key(own("platform").key_pem))

    def _clients(self) -> list[dict[str, Any]]:
        signs_people_in: dict[str, Any] = {
            "application_type": "native",
            "grant_types": ["authorization_code", "refresh_token"],
            "redirect_uris": ["http://localhost", "http://localhost/"],
            "scope": "openid offline_access profile smtp",
        }
        console = {
            "client_id": CONSOLE_CLIENT,
            "client_secret": CLIENT_SECRET,
            "grant_types": ["authorization_code", "refresh_token"],
            "redirect_uris": [f"{self._console}/oauth/callback", f"{self._console}/sign-in/openid/callback"],
            "scope": "openid offline_access profile email smtp",
        }
        never_redirects: dict[str, Any] = {"redirect_uris": [], "response_types": []}
        return [
            *([console] if self._console else ()),
            signs_people_in | {"client_id": PUBLIC_CLIENT, "token_endpoint_auth_method": "none"},
            signs_people_in | {"client_id": CONFIDENTIAL_CLIENT, "client_secret": CLIENT_SECRET},
            never_redirects
            | {
                "client_id": SERVICE_CLIENT,
                "client_secret": CLIENT_SECRET,
                "grant_types": ["client_credentials"],
                "scope": "smtp",
            },
            never_redirects
            | {
                "client_id": CERTIFICATE_CLIENT,
                "token_endpoint_auth_method": "private_key_jwt",
                "jwks": {"keys": [RSAKey.import_key(own().public).as_dict(private=False)]},
                "grant_types": ["client_credentials"],
                "scope": "smtp",
            },
            never_redirects
            | {
                "client_id": DEVICE_CLIENT,
                "application_type": "native",
                "token_endpoint_auth_method": "none",
                "grant_types": ["urn:ietf:params:oauth:grant-type:device_code", "refresh_token"],
                "scope": "openid offline_access profile smtp",
            },
            never_redirects
            | {
                "client_id": EXCHANGE_CLIENT,
                "client_secret": CLIENT_SECRET,
                "grant_types": ["urn:ietf:params:oauth:grant-type:token-exchange"],
                "scope": "smtp",
            },
            never_redirects | {"client_id": "mailserver", "client_secret": _SECRET, "grant_types": []},
        ]
