"""How the asset's mails are signed and encrypted: its fields as what `message.signing` works with."""

from __future__ import annotations

import json

from cryptography.x509 import Certificate

from auth import certificate
from delivery.asset import Asset
from delivery.errors import UnusableSettings, unusable
from message.address.mailbox import key, parse_list
from message.errors import Fault, MessageError
from message.signing.dkim import DkimKey, UnusableKey, is_dns_name, read_key
from message.signing.protection import Protection
from message.signing.smime import Identity, UnusableIdentity, recipient_certificate
from smtp import pem


def protection(asset: Asset) -> Protection:
    """Return what the asset's fields ask for. Raises `UnusableSettings` naming each that can't be used."""
    faults: list[Fault] = []
    certificates: dict[str, Certificate] = {}
    for address, text in _recipients(asset.smime_recipients, faults).items():
        try:
            (mailbox,) = parse_list([address], "smime_recipients")
            certificates[key(mailbox.address)] = recipient_certificate(_pem(text))
        except (UnusableIdentity, pem.NotPem) as exc:
            faults.append(unusable("smime_recipients", f"{address!r:.80}: {exc}"))
        except (MessageError, ValueError):
            faults.append(unusable("smime_recipients", f"{address!r:.80} is not one address"))
    dkim, identity = _dkim(asset, faults), _identity(asset, faults)
    if faults:
        raise UnusableSettings(faults)
    return Protection(dkim, identity, certificates)


def _dkim(asset: Asset, faults: list[Fault]) -> DkimKey | None:
    given = {name: getattr(asset, name) for name in ("dkim_selector", "dkim_domain", "dkim_key")}
    if not any(given.values()):
        return None
    missing = [name for name, value in given.items() if not value]
    if missing:
        others = " and ".join(name for name in given if name not in missing)
        faults += [unusable(name, f"DKIM needs it beside {others}") for name in missing]
        return None
    bad = [name for name in ("dkim_selector", "dkim_domain") if not is_dns_name(given[name])]
    faults += [unusable(name, f"{given[name]!r:.80} is no name in DNS") for name in bad]
    try:
        key = read_key(_pem(asset.dkim_key))
    except (UnusableKey, pem.NotPem) as exc:
        faults.append(unusable("dkim_key", str(exc)))
        return None
    return None if bad else DkimKey(asset.dkim_domain, asset.dkim_selector, key)


def _identity(asset: Asset, faults: list[Fault]) -> Identity | None:
    if not asset.smime_certificate:
        if asset.smime_key:
            faults.append(unusable("smime_key", "it is given without smime_certificate"))
        return None
    try:
        own = certificate.read(asset.smime_certificate, asset.smime_key, asset.smime_key_password)
        return Identity.of(own.chain.encode("ascii"), own.key)
    except certificate.UnusableCertificate as exc:
        faults.append(unusable("smime_key" if exc.in_key else "smime_certificate", str(exc)))
    except UnusableIdentity as exc:
        faults.append(unusable("smime_certificate", str(exc)))
    return None


def _recipients(text: str, faults: list[Fault]) -> dict[str, str]:
    if not text:
        return {}
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict) or not all(isinstance(one, str) and one for one in value.values()):
        text = "it has to be a JSON object of address and certificate in PEM"
        faults.append(unusable("smime_recipients", text))
        return {}
    return value


def _pem(value: str) -> bytes:
    """The blocks of PEM in a file or a text, however a form or an editor left them. Raises `NotPem`."""
    return "".join(block.text for block in pem.blocks(pem.read(value))).encode("ascii")
