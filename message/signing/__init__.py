"""Signing and encrypting mails: DKIM (RFC 6376) by the sender's domain, S/MIME (RFC 8551) by and for people.

Loaded only where an account has keys.
"""

from __future__ import annotations
