"""What servers and large providers mean by their replies: by step, code and enhanced code, and by words last.

Who adds a case: the first that fits is taken, so the particular ones come before the general, within a module and
among them. Words choose between hints only, because servers word and translate them as they like; where they do
more, they make us do less: a reply that would be tried again is not, because a setting has to change.
"""

from __future__ import annotations

from delivery.remedies import content, greeting, limits, login, policy, sender
from delivery.remedies.case import Remedy
from smtp.errors import AuthenticationRefused, Category, Step

CASES = (
    *login.CASES,
    *greeting.CASES,
    *limits.PARTICULAR,
    *sender.CASES,
    *policy.CASES,
    *content.CASES,
    *limits.GENERAL,
)


def remedy(step: Step, code: int, enhanced_code: str, text: str) -> Remedy | None:
    """What is known of a reply with `code` (550) and `enhanced_code` ("5.7.60", or "") at `step`; None: nothing."""
    text = text.lower()
    return next((case.remedy for case in CASES if case.fits(step, code, enhanced_code, text)), None)


def is_about_a_setting(refusal: AuthenticationRefused) -> bool:
    """Whether no other token would help: the provider does not let this account, or anybody, log in this way."""
    reply = refusal.reply
    known = remedy(refusal.step, reply.code, reply.enhanced_code, reply.text) if reply is not None else None
    return known is not None and known.category is Category.CONFIGURATION
