"""What somebody may do: look, send, or change everything. Each role may do what the ones before it may."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Role(Enum):
    """In the order of what they may do."""

    VIEWER = "viewer"
    SENDER = "sender"
    ADMINISTRATOR = "administrator"

    def covers(self, needed: Role) -> bool:
        """Whether somebody with this role may do what `needed` may."""
        order = list(Role)
        return order.index(self) >= order.index(needed)


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who is known: a user, a program with a token, or whoever sits at this machine. `user_id` 0: no user."""

    name: str
    role: Role
    user_id: int = 0


ROLES = tuple(role.value for role in Role)
