"""Replies about whom the server takes mail from, and for whom: relaying, block lists, proofs of a domain."""

from __future__ import annotations

from delivery.remedies.case import ENVELOPE, RECIPIENT, SENDING, Case, Remedy, Subject, setting

_NO_RELAY = setting(
    "The server does not relay to this recipient for us: fill in a login, or have its administrator allow "
    "this machine to relay.",
    Subject.RELAY,
    "550-5.7.54",
)
_PROVE_THE_DOMAIN = setting(
    "The sender's domain has to authorise this server: publish SPF and DKIM records for it.",
    Subject.DOMAIN_PROOF,
    "550-5.7.26",
)
_BLOCK_LIST = setting(
    "This machine's address, or the sender's domain, is on a block list or has a bad name: send through your "
    "provider's server, or have it taken off the list that the reply names.",
    Subject.REPUTATION,
    "550-5.7.606",
)
_REVERSE_NAME = setting(
    "This machine's address has no name in DNS (PTR): have one made by whoever gave you the address, or send through "
    "your provider's server.",
    Subject.REPUTATION,
    "550-5.7.606",
)
_CLOSED = Remedy(
    "The recipient takes mail from some senders only (a group, an internal mailbox): ask its owner to let this sender "
    "in, or log in as one that may.",
    Subject.CLOSED,
    page="550-5.7.133",
)
_RULE = Remedy(
    "A rule of the recipient's organisation refuses this mail: see what the reply says, and ask its administrator.",
    Subject.CLOSED,
    page="550-5.7.1",
)

_PROOF_WORDS = ("dmarc", "spf", "dkim", "sender policy framework", "unauthenticated")
_LIST_WORDS = (
    "spamhaus",
    "block list",
    "blocklist",
    "block listed",
    "blacklist",
    "blocked using",
    "low reputation",
    "banned sending ip",
    "spam abuse",
    "client host blocked",
    "ip address source bloquee",
    "csi.cloudmark",
    "[bl2",
)
_RELAY_WORDS = ("relay", "relaying", "not our customer", "tenantattribution")

CASES = (
    Case(SENDING, (421, 450, 451, 550), ("4.7.26", "4.7.27", "4.7.30", "4.7.32", "4.7.24"), (), _PROVE_THE_DOMAIN),
    Case(SENDING, (550,), ("5.7.23", "5.7.24", "5.7.26", "5.7.27", "5.7.30", "5.7.32", "5.7.509", "5.7.515"), (),
         _PROVE_THE_DOMAIN),
    Case(SENDING, (550,), ("5.7.25",), (), _REVERSE_NAME),
    Case(SENDING, (550, 553, 554), (), ("reverse dns", "ptr", "client host rejected: cannot find"), _REVERSE_NAME),
    Case(SENDING, (550,), ("5.7.511", "5.7.507", "5.7.513", "5.7.606-649", "5.7.28"), (), _BLOCK_LIST),
    Case(SENDING, (550, 551, 553, 554), (), _LIST_WORDS, _BLOCK_LIST),
    Case(SENDING, (550, 551, 553, 554), (), _PROOF_WORDS, _PROVE_THE_DOMAIN),
    Case(SENDING, (550,), ("5.7.12", "5.7.13", "5.7.124", "5.7.129", "5.7.133-136"), (), _CLOSED),
    Case(SENDING, (550, 554), ("5.7.1",), ("resolver.rst", "not authorized", "restricted", "allowed-senders"), _CLOSED),
    Case(RECIPIENT, (550,), ("5.7.54",), (), _NO_RELAY),
    Case(ENVELOPE, (450, 451, 454, 550, 551, 553, 554), (), _RELAY_WORDS, _NO_RELAY),
    Case(SENDING, (550, 554), ("5.7.1", ""), ("transport.rules", "policy rejection", "local policy",
         "delivery not authorized", "administrative prohibition"), _RULE),
)  # fmt: skip
