"""What HTML loses on its way into a mail, counted by name, so that nothing goes without a word."""

from __future__ import annotations

from collections import Counter

from message.errors import shown

_MOST_NAMED = 20


class Losses(Counter[str]):
    """How often what was taken out: `<form>`, `onclick`, `@import`, `url()`."""

    def take(self, name: str) -> None:
        """Count one more of `name`."""
        self[name] += 1

    def told(self) -> str:
        """`<form> 1×, onclick 2×`, in the order in which they were met; "" for none."""
        named = [f"{shown(name)[1:-1]} {count}×" for name, count in list(self.items())[:_MOST_NAMED]]
        if len(self) > _MOST_NAMED:
            named.append(f"and {len(self) - _MOST_NAMED} more kinds")
        return ", ".join(named)
