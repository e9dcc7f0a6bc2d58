"""What a browser brings back from a provider, in the query of the redirect (RFC 6749 section 4.1.2)."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from urllib.parse import parse_qsl

_MAX_FIELDS = 32

Query = Mapping[str, str]


def parsed(query: str) -> Query:
    """The fields of a redirect's query; empty when it has one twice, or too many (RFC 6749 section 3.1)."""
    try:
        fields = parse_qsl(query, keep_blank_values=True, max_num_fields=_MAX_FIELDS)
    except ValueError:
        return {}
    answer = dict(fields)
    return answer if len(answer) == len(fields) else {}


def brings(answer: Query, state: str) -> bool:
    """Whether the answer is to the sign-in with this `state`, found out in constant time."""
    return hmac.compare_digest(state.encode(), answer.get("state", "").encode("utf-8", "replace"))
