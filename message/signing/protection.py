"""What an account does to its mails before they leave: sign them, encrypt them, vouch for them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from cryptography.x509 import Certificate

from message.address.mailbox import Mailbox, ascii_domain, key
from message.errors import Fault, MessageError
from message.mime import Part
from message.signing.dkim import DkimKey
from message.signing.smime import Identity, encrypted, signed
from smtp.content import Content
from smtp.envelope import Address


@dataclass(frozen=True, slots=True)
class Protection:
    """`identity` signs, with `certificates` (by `address.mailbox.key`) every mail is encrypted, `dkim` vouches."""

    dkim: DkimKey | None = None
    identity: Identity | None = None
    certificates: Mapping[str, Certificate] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def is_seven_bit(self) -> bool:
        """Whether the body must be 7-bit, because nobody may encode it anew on the way (RFC 8551 section 3.1.3)."""
        return self.identity is not None or bool(self.certificates)

    def without_certificate(self, recipients: Iterable[Address]) -> list[Address]:
        """To whom nothing could be encrypted, if that is what has to be done."""
        if not self.certificates:
            return []
        return [address for address in recipients if key(address) not in self.certificates]

    def misaligned(self, author: Address) -> str:
        """A warning where the domain that vouches isn't the author's, nor above or below it; "" elsewhere."""
        if self.dkim is None:
            return ""
        signs, writes = self.dkim.domain.lower(), ascii_domain(author).domain.lower()
        if signs == writes or writes.endswith(f".{signs}") or signs.endswith(f".{writes}"):
            return ""
        return f"DKIM vouches for {signs}, and the mail is from {writes}: DMARC does not count it"

    def reveals(self, hidden: Sequence[Mailbox]) -> str:
        """A warning where a mail is encrypted for somebody in Bcc: it names all certificates (RFC 5652 section 6.2)."""
        if not self.certificates or not hidden:
            return ""
        return "a mail that is encrypted names the certificates of all who can read it, those in bcc too"

    def applied(self, part: Part, recipients: Iterable[Address], token: str) -> Part:
        """`part` signed, then encrypted. Raises `MessageError` when it is too large for that."""
        try:
            if self.identity is not None:
                part = signed(part, self.identity, f"=s_{token}")
            if self.certificates:
                part = encrypted(part, [self.certificates[key(address)] for address in recipients])
        except ValueError as exc:
            raise MessageError([Fault("", f"the mail can't be signed or encrypted: {exc}")]) from exc
        return part

    def vouched_for(self, content: Content) -> Content:
        """The whole message with the domain's signature above it."""
        return self.dkim.signed(content) if self.dkim is not None else content
