"""Drafts of plain text, HTML or Markdown: the order in which a body becomes what is sent.

Templates are filled first, then Markdown becomes HTML, the signature is added, images inside of the HTML become parts
of the mail, and the sanitiser has the last word.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from message import html as markup
from message.checks import Checks
from message.compose import Draft
from message.errors import Fault, shown
from message.parameters import Addressing, Defaults
from message.signature import signed_html, signed_text

if TYPE_CHECKING:
    from message.attachments import Attachment

__all__ = ["BODY_FORMATS", "Addressing", "Defaults", "Draft", "html_draft", "plain_draft"]

NO_DEFAULTS = Defaults()
BODY_FORMATS = ("automatic", "text", "html", "markdown")


def plain_draft(
    addressing: Addressing,
    body: str | None,
    attachments: Sequence[Attachment] = (),
    defaults: Defaults = NO_DEFAULTS,
    faults: Sequence[Fault] = (),
    *,
    body_format: str = "automatic",
) -> Draft:
    """A mail of plain text, or of HTML with a rendering of it.

    `automatic` takes for HTML what says so at its start; `markdown` goes as it is and as HTML made from it. Raises
    `MessageError` with everything that is wrong, `faults` being what the caller knows of already.
    """
    checks = Checks(addressing, defaults, faults)
    given = body or ""
    chosen = body_format or "automatic"
    if chosen == "automatic":
        chosen = "html" if "<" in given and markup.is_html(given) else "text"
    if chosen not in BODY_FORMATS:
        checks.fault("body_format", f"{shown(body_format)} is none of {', '.join(BODY_FORMATS)}")
    text, html = checks.body("body", given, is_html=chosen == "html"), None
    if chosen == "html":
        html = checks.with_images("body", signed_html(text, defaults))
        text = markup.to_text(html)
    elif chosen == "markdown":
        unsigned = checks.markdown(text)
        html = checks.sanitized("body", checks.with_images("body", signed_html(unsigned, defaults)), unsigned)
        text = signed_text(text, defaults)
    else:
        text = signed_text(text, defaults)
    return checks.finished(text, html, attachments)


def html_draft(
    addressing: Addressing,
    html_body: str | None,
    text_body: str | None = None,
    attachments: Sequence[Attachment] = (),
    defaults: Defaults = NO_DEFAULTS,
    faults: Sequence[Fault] = (),
    *,
    should_sanitize: bool = True,
) -> Draft:
    """A mail of HTML, with a text that is given or made from it, and what the HTML shows inline.

    Raises `MessageError` with everything that is wrong, `faults` being what the caller knows of already.
    """
    checks = Checks(addressing, defaults, faults)
    unsigned = checks.body("html_body", html_body, is_html=True)
    text = checks.body("text_body", text_body, is_html=False)
    html = checks.with_images("html_body", signed_html(unsigned, defaults))
    if should_sanitize:
        html = checks.sanitized("html_body", html, unsigned)
    text = signed_text(text, defaults) if text.strip() else markup.to_text(html)
    return checks.finished(text, html, attachments)
