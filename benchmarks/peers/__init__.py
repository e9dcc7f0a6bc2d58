"""The others: each sends the same mails in its own way."""
