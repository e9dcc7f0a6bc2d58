"""The final account: what was claimed of each message, held against the mailboxes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from tests.real.mailboxes import Delivered
from tests.soak.worker import CHECKSUM

VIOLATIONS = ("lost", "doubled", "false_not_sent", "unaccounted")
MORE_FILES = 2
MORE_MEMORY = 12 * 1024
"""KiB by which a process may grow once it has warmed up."""


@dataclass(slots=True)
class Account:
    """`claimed` counts recipients by status; `wrong` is what must not have happened, `corrupt` what TLS rules out."""

    claimed: Counter[str] = field(default_factory=Counter)
    by_way: Counter[tuple[str, str]] = field(default_factory=Counter)
    """The same by how the message travelled: BDAT or DATA."""
    wrong: Counter[str] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)
    messages: int = 0
    delivered: int = 0
    corrupt: int = 0

    def settle(self, claims: Iterable[Mapping[str, Any]], mailboxes: Iterable[tuple[str, Delivered]]) -> None:
        """Hold every claim against what is in the mailboxes, by Message-ID."""
        found: Counter[tuple[str, str]] = Counter()
        for address, delivered in mailboxes:
            self.delivered += 1
            self.corrupt += not _is_whole(delivered)
            found[(address, str(delivered.message["Message-ID"]))] += 1
        for claim in claims:
            self.messages += 1
            for address, status in claim["statuses"].items():
                self._judge(claim, status, address, found.pop((address, claim["message_id"]), 0))
        for (address, message_id), times in found.items():
            self._note("unaccounted", f"{message_id} for {address}, {times} times, of which nothing was said")

    def _judge(self, claim: Mapping[str, Any], status: str, address: str, times: int) -> None:
        self.claimed[status] += 1
        self.by_way[(str(claim.get("way", "")), status)] += 1
        said = f"{claim['message_id']} to {address}: {status}, {times} in the mailbox ({claim['said'][:200]})"
        if status == "accepted" and not times:
            self._note("lost", said)
        if times > 1:
            self._note("doubled", said)
        if status in ("refused", "not tried") and times:
            self._note("false_not_sent", said)

    def _note(self, what: str, example: str) -> None:
        self.wrong[what] += 1
        self.examples.append(f"{what}: {example}")

    def _per_thousand(self, way: str) -> int:
        """Of a thousand recipients whose mail travelled this way, how many nobody knows about."""
        total = sum(times for (other, _), times in self.by_way.items() if other == way)
        return round(1000 * self.by_way[(way, "unknown")] / total) if total else 0

    def __str__(self) -> str:
        claimed = {name: self.claimed[name] for name in ("accepted", "refused", "not tried", "unknown")}
        counts = {"messages": self.messages, **claimed, **{name: self.wrong[name] for name in VIOLATIONS}}
        counts |= {f"unknown_by_{way.lower()}": self._per_thousand(way) for way in ("BDAT", "DATA")}
        counts |= {"delivered": self.delivered, "corrupt": self.corrupt}
        return " ".join(f"{name.replace(' ', '_')}={count}" for name, count in counts.items())


def _is_whole(delivered: Delivered) -> bool:
    """Whether the text is the one that the checksum was made of."""
    part = next(part for part in delivered.message.walk() if part.get_content_type() == "text/plain")
    text = bytes(part.get_payload(decode=True)).replace(b"\r\n", b"\n").removesuffix(b"\n")
    return sha256(text).hexdigest() == str(delivered.message[CHECKSUM])


def growth(samples: Sequence[Mapping[str, int]]) -> tuple[int, int]:
    """By how many files and KiB a process has grown, from its second quarter to its last: the first is warming up."""
    quarter = max(1, len(samples) // 4)
    early, late = samples[quarter : 2 * quarter] or samples, samples[-quarter:]
    return (
        max(one["files"] for one in late) - max(one["files"] for one in early),
        max(one["memory"] for one in late) - max(one["memory"] for one in early),
    )
