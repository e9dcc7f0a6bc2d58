"""The certificates that the real servers and their clients show each other, as files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import trustme


@dataclass(frozen=True)
class KeyPair:
    """A certificate with its chain, and its key, as PEM files."""

    certificate: Path
    key: Path


class Certificates:
    """A throw-away authority that issues into `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._authority = trustme.CA()
        self.certificate = folder / "authority.pem"
        self._authority.cert_pem.write_to_path(str(self.certificate))

    def server(self, *names: str) -> KeyPair:
        """A certificate that is good for all of `names`."""
        return self._issue(names[0], self._authority.issue_cert(*names))

    def client(self, name: str) -> KeyPair:
        """A certificate whose subject's common name is `name`, a login."""
        return self._issue(f"client-{name}", self._authority.issue_cert(name, common_name=name))

    def _issue(self, name: str, leaf: trustme.LeafCert) -> KeyPair:
        pair = KeyPair(self._folder / f"{name}.pem", self._folder / f"{name}.key")
        pair.certificate.write_bytes(b"".join(blob.bytes() for blob in leaf.cert_chain_pems))
        leaf.private_key_pem.write_to_path(str(pair.key))
        pair.key.chmod(0o600)
        return pair
