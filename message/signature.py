"""The words that stand at the end of every mail of an account."""

from __future__ import annotations

import re

from message import html as markup
from message.parameters import Defaults

_SEPARATOR = "-- "
"""The line by which readers know where a signature begins (RFC 3676 section 4.3)."""


def signed_text(text: str, defaults: Defaults) -> str:
    """`text` with the signature, which is made from the HTML one where there is no other."""
    signature = defaults.signature_text.strip("\r\n")
    if not signature.strip() and defaults.signature_html.strip():
        signature = markup.to_text(defaults.signature_html).strip("\n")
    if not signature.strip():
        return text
    return f"{text.rstrip()}\n\n{_SEPARATOR}\n{signature}\n"


def signed_html(document: str, defaults: Defaults) -> str:
    """`document` with the signature before the end of its body, made from the text one where there is no other."""
    signature = defaults.signature_html.strip()
    if not signature and defaults.signature_text.strip():
        import html  # many mails have no signature

        lines = html.escape(defaults.signature_text.strip("\r\n"), quote=False).splitlines()
        signature = f"{_SEPARATOR.strip()}<br>{'<br>'.join(lines)}"
    if not signature:
        return document
    # Not looked for in lower case: there İ is two characters, and what is behind it stands elsewhere.
    flags = re.DOTALL | re.IGNORECASE
    found = re.match("(.*)</body", document, flags) or re.match("(.*)</html", document, flags)
    content = found[1] if found else document
    return f"{content}<div>{signature}</div>{document[len(content) :]}"
