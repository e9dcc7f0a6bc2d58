"""The receiving half: what a server has to know of the protocol, without a socket and without a clock."""
