"""What a server was found to do, though it doesn't say so: learned on one connection, heeded on the next ones."""

from __future__ import annotations


class Habits:
    """One server's habits. Give all sessions to it the same one (`Options.habits`); several threads may use it."""

    def __init__(self) -> None:
        self.most_recipients: int | None = None
        """So many recipients it took in one transaction before it said that there were too many."""
        self.proven_recipients = 0
        """So many it did take in one transaction."""
        self.most_messages: int | None = None
        """After so many messages it closed a connection."""
        self.is_sure_of_most_messages = False
        """It did so twice. Until then a connection is given more, but nothing in flight behind that message."""
        self.is_wrong_about_chunks = False
        """It answered a chunk twice, or took what was in one for commands: it gets its messages by DATA."""
        self.is_surprising = False
        """Messages are not to be in flight together: something came that should not have."""

    def closed_after(self, messages: int) -> None:
        """The server closed a connection between two messages, after so many."""
        if messages:
            self.is_sure_of_most_messages = messages == self.most_messages
            self.most_messages = messages

    def served(self, messages: int) -> None:
        """The server has dealt with so many messages on one connection."""
        if self.most_messages is not None and messages > self.most_messages:
            self.most_messages, self.is_sure_of_most_messages = None, False

    def took_recipients(self, accepted: int, *, were_too_many: bool) -> None:
        """The server accepted so many recipients in one transaction, and refused the next as too many, or not."""
        self.proven_recipients = max(self.proven_recipients, accepted)
        if were_too_many and accepted:
            self.most_recipients = min(accepted, self.most_recipients or accepted)
