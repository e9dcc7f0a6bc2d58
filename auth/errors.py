"""What can go wrong before the mail server hears who we are, as facts."""

from __future__ import annotations

from enum import StrEnum

from smtp.errors import Category


class Step(StrEnum):
    """Where it went wrong."""

    SETTINGS = "authentication settings"
    SIGN_IN = "sign-in"
    TOKEN = "token request"  # noqa: S105 - the name of a step


class AuthError(Exception):
    """No credential could be had. `retry_after` is in seconds; `code` the provider's OAuth error, if it gave one.

    The text and the hint are made for people and hold no secret.
    """

    def __init__(
        self,
        text: str,
        *,
        step: Step,
        category: Category,
        retryable: bool = False,
        hint: str = "",
        retry_after: float | None = None,
        code: str = "",
    ) -> None:
        super().__init__(text)
        self.text = text
        self.step = step
        self.category = category
        self.retryable = retryable
        self.hint = hint
        self.retry_after = retry_after
        self.code = code
