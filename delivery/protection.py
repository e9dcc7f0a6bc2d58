"""How the asset's mails are signed and encrypted: its fields as what `message.signing` works with."""

from __future__ import annotations

import json

from auth import certificate
from delivery.asset import Asset
from delivery.errors import UnusableSetting
from message.address.mailbox import key, parse_list
from message.errors import MessageError
from message.signing.dkim import DkimKey, UnusableKey
from message.signing.protection import Protection
from message.signing.smime import Identity, UnusableIdentity, recipient_certificate
from smtp import pem


def protection(asset: Asset) -> Protection:
    """Return what the asset's fields ask for. Raises `UnusableSetting` naming the field that can't be used."""
    certificates = {}
    for address, text in _recipients(asset.smime_recipients).items():
        try:
            (mailbox,) = parse_list([address], "smime_recipients")
        except (MessageError, ValueError) as exc:
            raise UnusableSetting("smime_recipients", f"{address!r:.80} is not one address") from exc
        try:
            certificates[key(mailbox.address)] = recipient_certificate(_pem("smime_recipients", text))
        except UnusableIdentity as exc:
            raise UnusableSetting("smime_recipients", f"{address!r:.80}: {exc}") from exc
    return Protection(_dkim(asset), _identity(asset), certificates)


def _dkim(asset: Asset) -> DkimKey | None:
    given = {name: getattr(asset, name) for name in ("dkim_selector", "dkim_domain", "dkim_key")}
    if not any(given.values()):
        return None
    missing = [name for name, value in given.items() if not value]
    if missing:
        raise UnusableSetting(missing[0], f"DKIM needs it beside {' and '.join(given.keys() - set(missing))}")
    octets = _pem("dkim_key", asset.dkim_key)
    try:
        return DkimKey.read(asset.dkim_domain, asset.dkim_selector, octets)
    except UnusableKey as exc:
        raise UnusableSetting("dkim_key", str(exc)) from exc
    except ValueError as exc:
        raise UnusableSetting("dkim_domain or dkim_selector", str(exc)) from exc


def _identity(asset: Asset) -> Identity | None:
    if not asset.smime_certificate:
        if asset.smime_key:
            raise UnusableSetting("smime_key", "it is given without smime_certificate")
        return None
    try:
        own = certificate.read(asset.smime_certificate, asset.smime_key, asset.smime_key_password)
        return Identity.of(own.chain.encode("ascii"), own.key)
    except certificate.UnusableCertificate as exc:
        raise UnusableSetting("smime_key" if exc.in_key else "smime_certificate", str(exc)) from exc
    except UnusableIdentity as exc:
        raise UnusableSetting("smime_certificate", str(exc)) from exc


def _recipients(text: str) -> dict[str, str]:
    if not text:
        return {}
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict) or not all(isinstance(one, str) and one for one in value.values()):
        raise UnusableSetting(
            "smime_recipients", "it has to be a JSON object of address and certificate in PEM"
        )
    return value


def _pem(field: str, value: str) -> bytes:
    """The blocks of PEM in a file or a text, however a form or an editor left them."""
    try:
        return "".join(block.text for block in pem.blocks(pem.read(value))).encode("ascii")
    except pem.NotPem as exc:
        raise UnusableSetting(field, str(exc)) from exc
