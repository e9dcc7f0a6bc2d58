"""What a client is told: replies of our own, those of the mail server handed on, and errors put into words."""

from __future__ import annotations

import textwrap
from functools import lru_cache

from auth.errors import AuthError
from doors.relay.pace import TooFast
from smtp.errors import (
    AuthenticationFailed,
    AuthenticationRefused,
    Category,
    MailError,
    NotOffered,
    Refused,
    SmtpError,
    Step,
)
from smtp.reply import Reply

WIDTH = 400
"""Characters of a line of ours (RFC 5321 section 4.5.3.1.5 has 512 with all that belongs to it)."""


def reply(code: int, enhanced: str, text: str) -> Reply:
    """A reply of ours, in as many lines as it takes (each with the enhanced code, RFC 2034 section 4)."""
    if len(text) <= WIDTH and text.isprintable():
        return Reply(code, (f"{enhanced} {text}".strip(),))
    lines = textwrap.wrap(text, WIDTH) or [""]
    return Reply(code, tuple(f"{enhanced} {line}".strip() for line in lines))


@lru_cache(512)  # most replies are the same again and again
def handed_on(said: Reply) -> Reply:
    """The mail server's reply as the client gets it.

    421 says that the connection on which it is said will be closed (RFC 5321 section 3.8). It is the one between us
    and the server that will be, so the client is told 451 with the same words.
    """
    line = said.lines[0]
    is_one_line = len(said.lines) == 1 and len(line) <= WIDTH and line.isprintable()
    if is_one_line and said.code != 421 and line == line.strip() and (" " in line or line.isalpha()):
        return said  # nearly every one: nothing has to be done to it
    enhanced, text = said.enhanced_code, said.text or "no reason given"
    if said.code == 421:
        return reply(451, enhanced or "4.3.2", f"{text} (the mail server said 421)")
    return reply(said.code, enhanced, text)


def from_error(error: MailError) -> Reply:
    """Why there is nothing to hand on: no session, no login, or a session that is gone."""
    text = _sentences(error.text, hint_of(error))
    if isinstance(error, TooFast):
        return reply(451, "4.7.0", text)
    if _is_about_the_login(error):
        return reply(454, "4.7.0", text)
    if error.category is Category.CONFIGURATION or error.category is Category.SECURITY:
        return reply(454, "4.7.0", text)
    if isinstance(error, Refused) and error.reply is not None and error.step in (Step.BODY, Step.MAIL):
        return handed_on(error.reply)
    return reply(451, "4.4.1", text)


def token_refused(error: AuthError) -> Reply:
    """What a client is told whose token could not be exchanged: 535 where another token would help, else 454."""
    text = _sentences(error.text, error.hint)
    if error.category is Category.AUTHENTICATION:
        return reply(535, "5.7.8", text)
    return reply(454, "4.7.0", text)


def hint_of(error: MailError) -> str:
    """What to do about it, from the error itself or from what is known of the reply; "" for nothing."""
    if not isinstance(error, SmtpError):
        return error.hint
    from delivery.remedies import advice, remedy  # hardly any session fails

    said = error.reply
    known = remedy(error.step, said.code, said.enhanced_code, said.text) if said is not None else None
    return known.hint if known is not None else error.hint or advice(error.reason)


def _is_about_the_login(error: MailError) -> bool:
    is_refused = isinstance(error, AuthenticationRefused | AuthenticationFailed | NotOffered)
    return is_refused or not isinstance(error, SmtpError)


def _sentences(*texts: str) -> str:
    whole = (text.strip() for text in texts if text.strip())
    return " ".join(text if text.endswith((".", "!", "?")) else f"{text}." for text in whole)
