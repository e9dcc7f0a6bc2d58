"""HTML cut into tokens as a browser would cut it, without what is never shown."""

from __future__ import annotations

import pytest

from message.html.markup import Token, names, tokens, unescaped


def texts(markup: str) -> str:
    return "".join(token.text for token in tokens(markup))


def attributes(markup: str) -> dict[str, str]:
    (token,) = tokens(markup)
    return dict(token.attributes)


NEVER_SHOWN = names(
    """applet audio canvas frameset iframe math noembed noframes object plaintext script select style svg
    template textarea title video xmp"""
)


@pytest.mark.parametrize("name", sorted(NEVER_SHOWN))
def test_an_element_that_is_no_text_is_left_out_with_all_that_is_in_it(name: str) -> None:
    markup = f"a<{name} x=y>hidden<b>bold</b></{name.upper()} >b"
    assert list(tokens(markup)) == [Token("", "a"), Token("", "b")]
    assert texts(f"a<{name}>hidden</{name}x>still</{name}/>b") == "ab"
    assert texts(f"a<{name}>to the end") == "a"


def test_an_element_without_content_hides_none() -> None:
    assert list(tokens("a<embed src=x>b</b>")) == [Token("", "a"), Token("", "b"), Token("/b")]


@pytest.mark.parametrize(
    "comment",
    [
        "<!-- x -->",
        "<!-->",
        "<!--->",
        "<!-- a --!>",
        "<!-- > -- > <b>\n-->",
        "<!doctype html>",
        "<?xml x?>",
        "</ x>",
        "</>",
        "<!x>",
        "<![CDATA[x>",
    ],
)
def test_comments_and_their_like_end_where_a_browser_ends_them(comment: str) -> None:
    assert list(tokens(f"a{comment}b<c>")) == [Token("", "a"), Token("", "b"), Token("c")]


@pytest.mark.parametrize(
    "open_to_the_end", ["<!-- <b>x</b>", "<!x", "<?x", "</ x", "<b", "<b x", "<b x='>", "</b"]
)
def test_what_is_not_closed_goes_to_the_end(open_to_the_end: str) -> None:
    assert list(tokens(f"a{open_to_the_end}")) == [Token("", "a")]


@pytest.mark.parametrize("text", ["<", "a < b", "<1>", "a<", "< b>", "<<", "<\n"])
def test_a_bracket_that_begins_nothing_is_text(text: str) -> None:
    assert texts(text) == text
    assert [token.tag for token in tokens(text)] == [""] * len(list(tokens(text)))


def test_tags_are_named_in_lower_case_and_keep_their_order() -> None:
    found = [token.tag or token.text for token in tokens("a<B>b<I\n>c</I></b x=y>d<br/>")]
    assert found == ["a", "b", "b", "i", "c", "/i", "/b", "d", "br"]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ('<a x="1 > 2">', {"x": "1 > 2"}),
        ("<a x='1 \" 2'>", {"x": '1 " 2'}),
        ("<a x=1/2>", {"x": "1/2"}),
        ("<a X = '1'Y=2 z>", {"x": "1", "y": "2", "z": ""}),
        ("<a x= y>", {"x": "y"}),
        ("<a x=''>", {"x": ""}),
        ("<a x=1 x=2 X=3>", {"x": "1"}),
        ("<a/x/=y>", {"x": "", "=y": ""}),
        ("<a x=&amp;>", {"x": "&amp;"}),
        ("<a ==b>", {"=": "b"}),
        ("<a>", {}),
    ],
)
def test_attributes_are_read_as_a_browser_reads_them(written: str, expected: dict[str, str]) -> None:
    assert attributes(written) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("&lt;&amp;lt;&#65;&#x42;&copy;", "<&lt;AB©"),
        ("a", "a"),
        ("&#99999999;&#x999999999", "��"),
        ("&#9999999;", "�"),
        ("&#x1f600;", "😀"),
    ],
)
def test_character_references_are_resolved_once(text: str, expected: str) -> None:
    assert unescaped(text) == expected
