"""A module of the platform that happens to have a name of ours: who gets this one has looked in the wrong place."""

raise ImportError("this is the platform's own message")
