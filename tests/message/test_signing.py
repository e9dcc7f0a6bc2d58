"""Signed and encrypted mails, as dkimpy and openssl read them."""

from __future__ import annotations

import subprocess
from base64 import b64encode
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dkim
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from hypothesis import given, settings
from hypothesis import strategies as st

from message.address.mailbox import parse_list
from message.attachments import Attachment
from message.audience import Audience
from message.compose import Message
from message.draft import Addressing, Defaults, html_draft, plain_draft
from message.errors import Lack, MessageError
from message.signing.dkim import DkimKey, UnusableKey, read_key
from message.signing.protection import Protection
from message.signing.smime import Identity, UnusableIdentity, recipient_certificate
from smtp.content import Octets
from tests.message.reading import octets, read
from tests.support.growth import grows_linearly

RSA = rsa.generate_private_key(65537, 2048)
ED25519 = ed25519.Ed25519PrivateKey.generate()


def pem(key: Any, password: str = "") -> bytes:
    lock: Any = (
        serialization.BestAvailableEncryption(password.encode()) if password else serialization.NoEncryption()
    )
    octets_: bytes = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, lock)
    return octets_


def certificate(key: Any, name: str) -> bytes:
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
    )
    builder = builder.serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=9))
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def public(key: Any) -> bytes:
    """The key's public half as it stands in DNS."""
    encoding, form = serialization.Encoding, serialization.PublicFormat
    if isinstance(key, rsa.RSAPrivateKey):
        kind, data = "rsa", key.public_key().public_bytes(encoding.DER, form.SubjectPublicKeyInfo)
    else:
        kind, data = "ed25519", key.public_key().public_bytes(encoding.Raw, form.Raw)
    return f"v=DKIM1; k={kind}; p={b64encode(data).decode()}".encode()


def verifies(data: bytes, key: Any) -> bool:
    asked: list[bytes] = []

    def dns(name: bytes, timeout: int = 5) -> bytes:
        asked.append(name)
        return public(key)

    verified = dkim.verify(data, dnsfunc=dns)
    assert asked in ([b"s1._domainkey.example.com."], [])
    return bool(verified)


def draft(protection: Protection, body: str = "Grüße \t and  spaces \n\n\nend\n\n", **more: Any) -> Message:
    asked = Addressing(to="bob@example.com, Ann <ann@example.com>", subject="Grüße", **more)
    made = plain_draft(asked, body, (), Defaults("soc@example.com", protection=protection))
    return made.compose(eight_bit=True, smtputf8=False)


@pytest.mark.parametrize("key", [RSA, ED25519], ids=["rsa", "ed25519"])
def test_a_mail_with_files_is_vouched_for_as_others_verify_it(key: Any) -> None:
    files = [Attachment.of_octets("a.bin", bytes(range(256)) * 2000)]
    protection = Protection(DkimKey("example.com", "s1", read_key(pem(key))))
    made = html_draft(
        Addressing(to="bob@example.com"),
        "<p>é  x </p>",
        None,
        files,
        Defaults("soc@example.com", protection=protection),
    )
    for eight_bit in (True, False):
        message = made.compose(eight_bit=eight_bit, smtputf8=False)
        data = octets(message)
        assert data.startswith(b"DKIM-Signature: v=1; a=")
        assert max(map(len, data.partition(b"\r\n\r\n")[0].split(b"\r\n"))) <= 100
        assert verifies(data, key)
        assert octets(message)[-100:] == data[-100:]
        assert message.attachments[0].sha256


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"To: bob@", b"To: eve@"),
        (b"Subject: ", b"Subject: x"),
        (b"end", b"END"),
        (b"MIME-Version", b"From: e@x\r\nMIME-Version"),
        (b"MIME-Version", b"Subject: x\r\nMIME-Version"),
        (b"MIME-Version", b"Reply-To: e@x\r\nMIME-Version"),
    ],
)
def test_what_was_changed_on_the_way_is_noticed(old: bytes, new: bytes) -> None:
    data = octets(draft(Protection(DkimKey("example.com", "s1", read_key(pem(RSA)))), "x\nend\n"))
    assert verifies(data, RSA)
    assert old in data
    assert not verifies(data.replace(old, new), RSA)


@settings(max_examples=60, deadline=None)
@given(st.text("a b\t\r\n.é", max_size=80), st.text("a b\té:", max_size=60))
def test_whatever_is_sent_verifies(body: str, value: str) -> None:
    message = draft(
        Protection(DkimKey("example.com", "s1", read_key(pem(ED25519)))),
        body,
        headers={"Comments": value.replace("\t", " ")},
    )
    assert verifies(octets(message), ED25519)


def test_how_the_content_comes_in_pieces_makes_no_difference() -> None:
    data = b"From: a@example.com\r\nSubject:  x \t y\r\n z\r\n\r\na  b \r\n\r\n \r\nc\r\n\r\n\r\n"

    class Pieces:
        def __init__(self, size: int) -> None:
            self.size, self._size = len(data), size

        def chunks(self) -> Iterator[bytes]:
            return (data[at : at + self._size] for at in range(0, len(data), self._size))

    key = DkimKey("example.com", "s1", read_key(pem(ED25519)))
    signatures = {
        b"".join(key.signed(Pieces(size)).chunks()).split(b"bh=")[1][:44] for size in (1, 2, 3, 7, 1000)
    }
    assert len(signatures) == 1
    assert verifies(b"".join(key.signed(Octets(data)).chunks()), ED25519)


def test_of_many_fields_all_are_vouched_for_in_time_that_is_linear() -> None:
    key = DkimKey("example.com", "s1", read_key(pem(ED25519)))

    def sign(count: int) -> bytes:
        many = b"List-Unsubscribe: <https://x/1>\r\n" * count + b"X: y\r\n" * count
        return b"".join(key.signed(Octets(b"From: a@example.com\r\n" + many + b"\r\nx\r\n")).chunks())

    assert verifies(sign(3), ED25519)
    assert grows_linearly(sign, 500)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (b"x", "no private key in PEM"),
        (pem(RSA, "secret"), "locked with a password"),
        (pem(ec.generate_private_key(ec.SECP256R1())), "neither an RSA nor an Ed25519 key"),
    ],
)
def test_a_key_that_can_not_be_used_says_why(given: bytes, reason: str) -> None:
    with pytest.raises(UnusableKey, match=reason):
        read_key(given)


@pytest.mark.parametrize("name", ["", "a b", "x;y", "a\r\nb", "-x", "x" * 64, "é.com"])
def test_names_that_are_none_in_dns_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="is no name in DNS"):
        DkimKey(name, "s1", read_key(pem(ED25519)))
    with pytest.raises(ValueError, match="is no name in DNS"):
        DkimKey("example.com", name, read_key(pem(ED25519)))


def test_keys_do_not_print() -> None:
    identity = Identity.read(certificate(RSA, "soc"), pem(RSA))
    shown = repr(Protection(DkimKey("example.com", "s1", read_key(pem(RSA))), identity))
    assert "PrivateKey" not in shown
    assert "BEGIN" not in shown


def openssl(*arguments: str, data: bytes) -> bytes:
    done = subprocess.run(
        ["openssl", "cms", *arguments], input=data, capture_output=True, check=False, timeout=30
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("kind", ["rsa", "ec"])
def test_a_signed_mail_is_verified_by_openssl(tmp_path: Path, kind: str) -> None:
    key = RSA if kind == "rsa" else ec.generate_private_key(ec.SECP256R1())
    (tmp_path / "own.pem").write_bytes(certificate(key, "soc"))
    identity = Identity.read(
        certificate(key, "soc") if kind == "x" else (tmp_path / "own.pem").read_bytes(), pem(key)
    )
    data = octets(draft(Protection(identity=identity)))
    mail = read(draft(Protection(identity=identity)))
    assert mail.get_content_type() == "multipart/signed"
    assert data.isascii()
    text = openssl("-verify", "-CAfile", str(tmp_path / "own.pem"), "-purpose", "any", data=data)
    assert b"Content-Type: text/plain" in text
    changed = data.replace(b"end", b"END")
    assert changed != data
    command = ["openssl", "cms", "-verify", "-CAfile", str(tmp_path / "own.pem"), "-purpose", "any"]
    assert subprocess.run(command, input=changed, capture_output=True, check=False).returncode != 0


def test_a_signed_and_encrypted_mail_is_read_by_its_recipients_alone(tmp_path: Path) -> None:
    keys = {name: rsa.generate_private_key(65537, 2048) for name in ("bob", "ann")}
    certificates = {
        f"{name}@example.com": recipient_certificate(certificate(key, name)) for name, key in keys.items()
    }
    own = tmp_path / "own.pem"
    own.write_bytes(certificate(RSA, "soc"))
    protection = Protection(
        DkimKey("example.com", "s1", read_key(pem(RSA))),
        Identity.read(own.read_bytes(), pem(RSA)),
        certificates,
    )
    readable = b"and  spaces"  # no Base64 has a space
    assert readable in octets(draft(Protection()))
    data = octets(draft(protection))
    assert verifies(data, RSA)
    assert readable not in data
    for name, key in keys.items():
        own_key, own_certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
        own_key.write_bytes(pem(key))
        own_certificate.write_bytes(
            certificates[f"{name}@example.com"].public_bytes(serialization.Encoding.PEM)
        )
        inner = openssl("-decrypt", "-inkey", str(own_key), "-recip", str(own_certificate), data=data)
        assert b"multipart/signed" in inner
        assert b"text/plain" in openssl("-verify", "-CAfile", str(own), "-purpose", "any", data=inner)


def test_a_recipient_without_a_certificate_is_named_before_anything_is_sent() -> None:
    protection = Protection(certificates={"bob@example.com": recipient_certificate(certificate(RSA, "bob"))})
    with pytest.raises(MessageError, match=r"no certificate to encrypt to for 'ann@example\.com'") as caught:
        draft(protection)
    assert [fault.lack for fault in caught.value.faults] == [Lack.CERTIFICATE]


@pytest.mark.parametrize("hidden", [{"bcc": "eve@example.com"}, {"headers": {"Bcc": "eve@example.com"}}])
def test_who_is_hidden_from_readers_of_an_encrypted_mail_is_not_hidden_and_it_says_so(hidden: Any) -> None:
    pems = {name: certificate(RSA, name) for name in ("bob", "ann", "eve")}
    certificates = {f"{name}@example.com": recipient_certificate(one) for name, one in pems.items()}
    told = "a mail that is encrypted names the certificates of all who can read it, those in bcc too"
    assert draft(Protection(certificates=certificates), **hidden).warnings == (told,)
    assert draft(Protection(certificates=certificates)).warnings == ()
    assert draft(Protection(identity=Identity.read(pems["bob"], pem(RSA))), **hidden).warnings == ()


def test_a_test_mail_that_goes_elsewhere_reveals_nobody() -> None:
    encrypts = Protection(certificates={"qa@example.com": recipient_certificate(certificate(RSA, "qa"))})
    elsewhere = Defaults(
        "soc@example.com", protection=encrypts, audience=Audience(instead=parse_list("qa@example.com", "to"))
    )
    made = plain_draft(Addressing(to="bob@example.com", bcc="eve@example.com"), "x", (), elsewhere)
    assert made.warnings == ("test mode: this went to qa@example.com and to none of its recipients",)


@pytest.mark.parametrize(
    ("certificates", "key", "password", "reason"),
    [
        (b"x", pem(RSA), "", "no certificate in PEM"),
        (certificate(RSA, "a"), b"x", "", "no private key in PEM"),
        (certificate(RSA, "a"), pem(RSA, "secret"), "", "password is missing"),
        (certificate(RSA, "a"), pem(RSA, "secret"), "wrong", "password is wrong"),
        (
            certificate(RSA, "a"),
            pem(rsa.generate_private_key(65537, 2048)),
            "",
            "does not belong to the certificate",
        ),
        (certificate(RSA, "a"), pem(ED25519), "", "neither RSA nor elliptic curve"),
    ],
)
def test_an_identity_that_can_not_be_used_says_why(
    certificates: bytes, key: bytes, password: str, reason: str
) -> None:
    with pytest.raises(UnusableIdentity, match=reason):
        Identity.read(certificates, key, password)


def test_nothing_is_encrypted_for_a_key_that_can_not_be_encrypted_for() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    with pytest.raises(UnusableIdentity, match="not for RSA"):
        recipient_certificate(certificate(key, "a"))
