"""The parameters of MAIL and RCPT on their way through: what the mail server can use is handed on."""

from __future__ import annotations

from smtp.extensions import Extensions
from smtp.server.request import BadRequest, Request

NEEDS_SMTPUTF8 = "5.6.7 An address with other letters than ASCII needs SMTPUTF8"
"""RFC 6531 section 3.5."""
ADDED = 600
"""Octets that the relay's own fields take at most."""


def for_mail(request: Request, offered: Extensions, max_size: int, ret: str = "") -> tuple[str, ...]:
    """The parameters of MAIL for a server that offers this. Raises `BadRequest`.

    `ret` is the destination's own wish, for clients that have none (RFC 3461 section 4.3).

    What a client says of its own login (AUTH=, RFC 4954 section 5) is taken, and says nothing to the server, which
    knows the relay's.
    """
    address = request.address
    if not (request.parameters or ret) and (address is None or address.is_ascii):
        return ()
    passed = []
    for name, value in request.parameters.items():
        if name == "SIZE":
            size = _size(value)
            if size > max_size:
                raise BadRequest(552, f"5.3.4 The message is larger than {max_size} octets")
            if "SIZE" in offered:
                passed.append(f"SIZE={size + ADDED}")
        elif name == "BODY":
            if value.upper() not in ("7BIT", "8BITMIME"):
                raise BadRequest(504, "5.5.4 BODY is 7BIT or 8BITMIME")
            if "8BITMIME" in offered:
                passed.append(f"BODY={value.upper()}")
        elif name == "SMTPUTF8" and not value:
            if "SMTPUTF8" not in offered:
                raise BadRequest(555, "5.6.7 The mail server does not offer SMTPUTF8")
            passed.append("SMTPUTF8")
        elif name in ("RET", "ENVID") and value:
            if "DSN" in offered:
                passed.append(f"{name}={value}")
        elif name != "AUTH":
            raise BadRequest(555, f"5.5.4 This parameter of MAIL is not known: {name}")
    if address is not None and not address.is_ascii and "SMTPUTF8" not in request.parameters:
        raise BadRequest(553, NEEDS_SMTPUTF8)
    if ret and "DSN" in offered and "RET" not in request.parameters:
        passed.append(f"RET={ret}")
    return tuple(passed)


def for_rcpt(
    request: Request, offered: Extensions, notify: str = "", is_utf8: bool = False
) -> tuple[str, ...]:
    """The same for RCPT (section 4.1) of a mail that has SMTPUTF8 or not. Raises `BadRequest`."""
    if request.address is not None and not (is_utf8 or request.address.is_ascii):
        raise BadRequest(553, NEEDS_SMTPUTF8)
    if not (request.parameters or notify):
        return ()
    passed = []
    for name, value in request.parameters.items():
        if name not in ("NOTIFY", "ORCPT") or not value:
            raise BadRequest(555, f"5.5.4 This parameter of RCPT is not known: {name}")
        if "DSN" in offered:
            passed.append(f"{name}={value}")
    if notify and "DSN" in offered and "NOTIFY" not in request.parameters:
        passed.append(f"NOTIFY={notify}")
    return tuple(passed)


def _size(value: str) -> int:
    if not value.isascii() or not value.isdigit() or len(value) > 20:
        raise BadRequest(501, "5.5.4 SIZE takes a number of octets")
    return int(value)
