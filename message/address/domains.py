"""Internationalised domain names: their ASCII form (RFC 5891), and names made to look like others."""

from __future__ import annotations

import unicodedata

from smtp.errors import InvalidValue

# UTS 39 section 5.2: the scripts that ordinary words of these languages do mix.
_USUAL_MIXTURES = (
    frozenset({"LATIN", "CJK", "HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA"}),
    frozenset({"LATIN", "CJK", "BOPOMOFO"}),
    frozenset({"LATIN", "CJK", "HANGUL"}),
)
_NO_SCRIPT = frozenset({"DIGIT", "COMBINING", "HYPHEN-MINUS", "LOW", "MIDDLE", "MODIFIER", "IDEOGRAPHIC"})
# Cyrillic and Greek letters that most fonts draw like Latin ones: a label of nothing else reads as Latin.
_READ_AS_LATIN = frozenset("асԁеһіјӏорԛѕԝхуьгпѵαινορτυωκ" + "0123456789-")
_INVISIBLE_LETTERS = frozenset("\u115f\u1160\u3164\uffa0\u034f")
_REFUSED_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zs", "Zl", "Zp"})


def a_label(domain: str) -> str:
    """The ASCII form of a domain name. Raises `InvalidValue` when IDNA has none for it."""
    if domain.isascii():
        return domain
    import idna  # its tables take milliseconds to load, and few domains need them

    try:
        return idna.encode(domain, uts46=True).decode("ascii")
    except (idna.IDNAError, UnicodeError) as exc:
        raise InvalidValue("the domain is not a valid internationalised name") from exc


def has_invisible(text: str) -> bool:
    """Whether some of `text` can't be seen or changes how the rest is read: BiDi controls, zero-width, spaces."""
    return not text.isascii() and any(
        unicodedata.category(c) in _REFUSED_CATEGORIES or c in _INVISIBLE_LETTERS
        for c in text
        if not c.isascii()
    )


def looks_like_another(domain: str) -> bool:
    """Whether a label mixes scripts that no language mixes, or can be read as a Latin one (UTS 39)."""
    if domain.isascii():
        return False
    labels = unicodedata.normalize("NFKC", domain).casefold().replace("。", ".").split(".")
    return any(_is_suspicious(label) for label in labels if not label.isascii())


def _is_suspicious(label: str) -> bool:
    if _READ_AS_LATIN.issuperset(label):
        return True
    scripts = {unicodedata.name(c, "UNKNOWN").split(" ", 1)[0] for c in label} - _NO_SCRIPT
    return len(scripts) > 1 and not any(scripts <= usual for usual in _USUAL_MIXTURES)
