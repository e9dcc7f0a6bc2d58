"""What servers and providers say, taken apart: replies, challenges, token answers, redirects."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from types import MappingProxyType
from unicodedata import bidirectional, category

import requests

from auth.errors import AuthError, Step
from auth.oauth.answers import refusal
from auth.oauth.query import brings, parsed
from auth.oauth.token import MAX_LIFETIME, Token, granted
from auth.oauth.web import MAX_RETRY_AFTER, _checked
from smtp.errors import AuthenticationFailed
from smtp.extensions import Extensions
from smtp.reply import MAX_LINES, MAX_REPLY, MAX_SHOWN, Reply, ReplyReader, ReplySyntaxError
from smtp.sasl.channel_binding import end_point
from smtp.sasl.credentials import BearerCredentials
from smtp.sasl.mechanism import ChannelBinding, Mechanism
from smtp.sasl.plain import CramMd5, Login, Plain
from smtp.sasl.scram import Scram
from tests.fuzz.rules import must

SECRET = "canary-5ecret"
SEPARATOR = b"\xff"


_CONTROLS = frozenset({"Cc", "Cs", "Zl", "Zp"})
_TURNS = frozenset({"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"})


def replies(octets: bytes) -> None:
    """The same replies, and the same end of them, however the octets arrive; all of it bounded and showable."""
    whole = _read(octets, len(octets) or 1)
    must(whole == _read(octets, 1), "octet by octet it reads as something else")
    must(whole == _read(octets, 7), "in pieces it reads as something else")
    for reply in whole:
        if isinstance(reply, str):
            must(_is_showable(reply), "an error that can't be shown")
            continue
        must(100 <= reply.code <= 599, "not a reply code")
        must(1 <= len(reply.lines) <= MAX_LINES, "too many lines")
        must(sum(map(len, reply.lines)) <= MAX_REPLY, "too long")
        must(len(reply.text) <= MAX_SHOWN, "too long to be shown")
        must(_is_showable(str(reply)), "a reply that can't be shown")
        must(reply.enhanced_code[:1] in ("", str(reply.code)[0]), "an enhanced code of another class")
        _look_at(Extensions.parse(reply))


def _read(octets: bytes, size: int) -> list[Reply | str]:
    reader, found = ReplyReader(), list[Reply | str]()
    for start in range(0, len(octets), size):
        reader.feed(octets[start : start + size])
        try:
            while reply := reader.next_reply():
                found.append(reply)
        except ReplySyntaxError as error:
            return [*found, "" if "no SMTP reply" in str(error) else str(error)]
    return found


def _look_at(extensions: Extensions) -> None:
    must(extensions.size is None or extensions.size > 0, "a limit of nothing")
    must(all(limit > 0 for limit in extensions.limits.values()), "a limit of nothing")
    must(all(name.isprintable() for name in extensions.auth), "a mechanism that can't be shown")
    must(_is_showable(str(extensions)) and len(str(extensions)) <= MAX_SHOWN, "an offer that can't be shown")


def _is_showable(text: str) -> bool:
    """Nothing that ends a line, drives a terminal or turns text around."""
    return not any(category(c) in _CONTROLS or bidirectional(c) in _TURNS for c in text)


def challenges(octets: bytes) -> None:
    """A mechanism that is asked anything gives up in its own way, and keeps its secret where it promises to."""
    which, *asked = octets[1:].split(SEPARATOR) if len(octets) > 1 else [b""]
    mechanism = _MECHANISMS[octets[0] % len(_MECHANISMS)]() if octets else Plain("ann", SECRET)
    said = [mechanism.start() or b""]
    try:
        for challenge in (which, *asked):
            said.append(mechanism.respond(challenge))
        mechanism.finish()
    except AuthenticationFailed as error:
        must(SECRET not in f"{error} {error.hint} {mechanism.reason}", "a secret is told")
    else:
        must(not isinstance(mechanism, Scram), "a server that proved nothing")
    must(mechanism.exposes_secret or SECRET.encode() not in b"".join(said), "a secret is given away")
    must(SECRET not in mechanism.reason, "a secret is told")
    must(_is_showable(mechanism.reason), "a reason that can't be shown")


_WHO = BearerCredentials("ann", SECRET, "peer.test", 587)
_BINDING = ChannelBinding("tls-server-end-point", b"x" * 32)
_MECHANISMS: tuple[Callable[[], Mechanism], ...] = (
    lambda: Plain("ann", SECRET),
    lambda: Login("ann", SECRET),
    lambda: CramMd5("ann", SECRET),
    lambda: Scram("ann", SECRET, "SHA-256", nonce="fyko"),
    lambda: Scram("ann", SECRET, "SHA-1", _BINDING, plus=True, nonce="fyko"),
    lambda: _WHO.mechanism("OAUTHBEARER", None),
    lambda: _WHO.mechanism("XOAUTH2", None),
)


def certificates(octets: bytes) -> None:
    """Whatever a certificate is made of, its channel binding is a hash or nothing."""
    found = end_point(octets)
    must(found is None or len(found.data) in (28, 32, 48, 64), "not a hash")


def token_answers(octets: bytes) -> None:
    """An answer of a token endpoint becomes a token that can be used, or an error without a secret."""
    status, body = 200 + (octets[:1] or b"\0")[0] * 2, octets[1:]
    try:
        answer = _checked(_response(status, body), body, "id.example.test")
        if "error" in answer:
            raise refusal(answer, Step.TOKEN, (SECRET,))
        now = time.time()
        token = granted(answer, asked_at=now, scopes="mail", refresh_token=SECRET)
    except AuthError as error:
        must(SECRET not in f"{error} {error.hint} {error.oauth_error}", "a secret is told")
        must(_is_showable(f"{error} {error.hint}"), "an error that can't be shown")
        must(error.retry_after is None or 0 <= error.retry_after <= MAX_RETRY_AFTER, "a wait without end")
        return
    must(token.access_token.isascii() and token.access_token.isprintable(), "a token that can't be sent")
    must(now < token.refresh_at <= token.expires_at <= now + MAX_LIFETIME, "times that make no sense")
    must(isinstance(token.refresh_token, str) and token.refresh_token, "the refresh token is lost")
    must(Token.parse(json.loads(json.dumps(token.as_dict()))) == token, "not the same after it was kept")
    must(SECRET not in repr(token), "a secret is told")


def _response(status: int, body: bytes) -> requests.Response:
    response = requests.Response()
    response.status_code = status
    response.headers["Retry-After"] = body[:12].decode("latin-1")
    return response


def redirects(octets: bytes) -> None:
    """Only the query that has our state, once, is taken for the answer to our sign-in."""
    query = octets.decode("utf-8", "replace")
    answer = parsed(query)
    is_ours = brings(answer, SECRET)
    must(is_ours == (answer.get("state") == SECRET), "another state is taken for ours")
    must(not is_ours or query.count("state=") >= 1 or "%" in query, "ours without a state")


TARGETS = MappingProxyType(
    {
        "replies": replies,
        "challenges": challenges,
        "certificates": certificates,
        "token-answers": token_answers,
        "redirects": redirects,
    }
)
