"""Passwordless: the server knows us by our address, or by the client certificate of the TLS connection."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from auth.settings import Login, Progress

if TYPE_CHECKING:
    from smtp.sasl.credentials import Credentials


class Passwordless:
    name: ClassVar[str] = "Passwordless"

    def __init__(self, login: Login) -> None:
        self._has_certificate = login.has_client_certificate

    def credentials(self, progress: Progress) -> Credentials | None:  # noqa: ARG002 - nothing takes time here
        if not self._has_certificate:
            return None
        from smtp.sasl.credentials import ExternalCredentials

        return ExternalCredentials()

    def renew(self, progress: Progress) -> bool:  # noqa: ARG002 - there is nothing to renew
        return False
