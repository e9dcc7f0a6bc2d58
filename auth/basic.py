"""Basic: a user name and a password."""

from __future__ import annotations

from typing import ClassVar

from auth.settings import Login, Progress
from smtp.sasl.credentials import Credentials, PasswordCredentials


class Basic:
    name: ClassVar[str] = "Basic"

    def __init__(self, login: Login) -> None:
        self._credentials = PasswordCredentials(login.username, login.password)

    def credentials(self, progress: Progress) -> Credentials | None:  # noqa: ARG002 - nothing takes time here
        return self._credentials

    def renew(self, progress: Progress) -> bool:  # noqa: ARG002 - a password does not get better
        return False
