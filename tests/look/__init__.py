"""How mails look before and after sanitising: `python -m tests.look` (see `tests.look.__main__`)."""
