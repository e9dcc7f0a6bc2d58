"""What can go wrong before the mail server hears who we are, as facts."""

from __future__ import annotations

from enum import StrEnum

from smtp.errors import Category, MailError


class Step(StrEnum):
    """Where it went wrong."""

    SETTINGS = "authentication settings"
    SIGN_IN = "sign-in"
    TOKEN = "token request"  # noqa: S105 - the name of a step


class AuthError(MailError):
    """No credential could be had. `oauth_error` is the provider's own name for it (RFC 6749 section 5.2), or ""."""

    step: Step

    def __init__(
        self,
        text: str,
        *,
        step: Step,
        category: Category,
        retryable: bool = False,
        hint: str = "",
        retry_after: float | None = None,
        oauth_error: str = "",
    ) -> None:
        super().__init__(
            text, step=step, category=category, retryable=retryable, retry_after=retry_after, hint=hint
        )
        self.oauth_error = oauth_error
