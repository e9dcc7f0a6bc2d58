"""Sanitised HTML: nothing that acts is left, layout is, and text stays text."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from message.html.sanitise import Sanitised, content_ids, is_html, sanitize
from tests.support.growth import grows_linearly

SCHEME = re.compile(r"[a-z][a-z0-9+.\-]*:")
ALLOWED_SCHEMES = ("http:", "https:", "mailto:", "tel:", "sms:", "ftp:", "cid:")


def body(html: str) -> str:
    """What is inside the body of the document that `sanitize` makes."""
    document = sanitize(html).html
    assert re.match(r'<!DOCTYPE html>\n<html[^<>]*><head><meta charset="utf-8">', document)
    head, _, content = document.partition("</head><body")
    assert head.count("<style>") == head.count("</style>") <= 1
    assert content.endswith("\n</body></html>\n")
    return content.partition(">\n")[2].removesuffix("\n</body></html>\n")


class Judge(HTMLParser):
    """Finds what could act in a browser: an independent reading of the result."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "input" and ("type", "checkbox") not in attrs and ("type", "radio") not in attrs:
            self.found.append(tag)
        if tag in (
            "script",
            "style",
            "iframe",
            "object",
            "embed",
            "form",
            "svg",
            "math",
            "base",
            "link",
        ):
            self.found.append(tag)
        for name, value in attrs:
            text = (value or "").lower()
            url = re.sub(r"[\t\r\n]", "", text).lstrip("".join(map(chr, range(33))))
            if name.startswith("on") or name in ("action", "formaction", "srcdoc", "srcset", "ping"):
                self.found.append(name)
            if (
                name in ("href", "src", "background")
                and SCHEME.match(url)
                and not url.startswith(ALLOWED_SCHEMES)
            ):
                self.found.append(f"{name}={url}")
            if name == "style" and any(
                bad in text for bad in ("url(", "expression(", "@", "\\", "behavior", "binding")
            ):
                self.found.append(f"style={text}")

    def handle_comment(self, data: str) -> None:
        self.found.append("comment")


def what_acts(html: str) -> list[str]:
    judge = Judge()
    judge.feed(body(html))
    judge.close()
    return judge.found


ATTACKS = [
    "<script>alert(1)</script>",
    "<SCRIPT SRC=//evil></SCRIPT>",
    "<scr<script>ipt>alert(1)</scr</script>ipt>",
    "<img src=x onerror=alert(1)>",
    "<img/src=x/onerror=alert(1)//",
    '<img src="x` `<script>alert(1)</script>"` `>',
    "<svg onload=alert(1)><script>alert(1)</script></svg>",
    "<svg><style><img src=x onerror=alert(1)></style></svg>",
    '<svg><animate xlink:href="#a" attributeName=href values="javascript:alert(1)" /><a id=a>x</a></svg>',
    '<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=1 onerror=alert(1)&gt;">',
    "<math><mtext></p><mtext><style><!--</style><img src=x onerror=alert(1)>--></style>",
    '<noscript><p title="</noscript><img src=x onerror=alert(1)>">',
    '<div><style><img title="</style><img src=x onerror=alert(1)>"></style></div>',
    "<form action=//evil><input formaction=javascript:x><button>Go</button></form>",
    '<a href="javascript:alert(1)">x</a>',
    '<a href="java&#10;script:alert(1)">x</a>',
    '<a href="&#x6a;avascript:alert(1)">x</a>',
    '<a href=" &#14; javascript:alert(1)">x</a>',
    '<a href="vbscript:x">x</a><a href="data:text/html,<script>x</script>">y</a><a href="file:///etc">z</a>',
    '<img src="data:image/svg+xml;base64,AAAA">',
    '<td background="javascript:x"><table background="data:x"><tr><td background=" javascript:x">a</table>',
    '<p style="background:url(http://evil/x)">a</p>',
    '<p style="background:u\\72l(http://evil)">a</p>',
    '<p style="width:expression(alert(1))">a</p>',
    '<p style="width:exp/**/ression(alert(1))">a</p>',
    '<p style="width:ｅｘｐｒｅｓｓｉｏｎ(alert(1))">a</p>',
    '<p style="behavior:url(x.htc);-moz-binding:url(x)">a</p>',
    "<p style='background:image-set(\"http://evil\" 1x)'>a</p>",
    "<p style=\"color:red}@import 'x';{\">a</p>",
    "<style>@import 'http://evil'</style><link rel=stylesheet href=//evil><base href=//evil>",
    "<meta http-equiv=refresh content='0;url=//evil'>",
    "<iframe srcdoc='<script>x</script>'></iframe><object data=x></object><embed src=x>",
    "<!--><script>alert(1)</script>-->",
    "<!--[if mso]><script>x</script><![endif]-->",
    "<![CDATA[<script>alert(1)</script>]]>",
    "<textarea></textarea><img src=x onerror=alert(1)></textarea>",
    "<title></title><img src=x onerror=alert(1)>",
    "<xmp></xmp><img src=x onerror=alert(1)></xmp>",
    "<template><img src=x onerror=alert(1)></template>",
    "<select><style></select><img src=x onerror=alert(1)></style>",
    '<a title="</a><script>x</script>">x',
    "<p/onclick=alert(1)>x<p\nonclick\n=\nalert(1)>",
    "<\x00script>alert(1)</script><scr\x00ipt>x</scr\x00ipt>",
]


@pytest.mark.parametrize("attack", ATTACKS)
def test_nothing_that_acts_is_left(attack: str) -> None:
    assert what_acts(attack) == []
    assert what_acts(f"<table><tr><td><b>{attack}") == []


def test_escaped_script_stays_text() -> None:
    assert (
        body("<p>&lt;script&gt;alert(1)&lt;/script&gt;</p>") == "<p>&lt;script&gt;alert(1)&lt;/script&gt;</p>"
    )
    assert body("a < b && c > d") == "a &lt; b &amp;&amp; c &gt; d"
    assert body("&amp;lt;script&amp;gt;") == "&amp;lt;script&amp;gt;"


def test_cleaning_what_is_clean_changes_nothing() -> None:
    for attack in ATTACKS:
        once = body(attack)
        assert body(once) == once


@pytest.mark.parametrize(
    "kept",
    [
        '<table border="1" cellpadding="2" cellspacing="0" width="100%" bgcolor="#fff"><tbody><tr valign="top">'
        '<td colspan="2" align="center">a</td></tr></tbody></table>',
        '<p style="color: red; margin: 0 auto; background: rgb(1, 2, 3)">a</p>',
        '<p style="font-family: &quot;Segoe UI&quot;, Arial; width: calc(100% - 2px)">a</p>',
        '<img src="cid:logo@example.com" alt="Logo" width="10" height="10">',
        '<img src="https://example.com/a.png">',
        "<h1>x</h1>",
        '<a href="https://example.com/?a=1&amp;copy=2">x</a>',
        '<a href="mailto:a@example.com">x</a> <a href="#there">y</a>',
        '<div dir="rtl" lang="he" id="there">a</div>',
        "<ul><li>a</li><li>b<ol><li>c</li></ol></li></ul>",
        '<font color="red" face="Arial" size="2">a</font><center>b</center>',
        "<pre>  a\n b</pre><blockquote>q</blockquote><hr><br>",
    ],
)
def test_layout_is_kept(kept: str) -> None:
    assert body(kept) == kept


def test_only_the_harmful_declaration_of_a_style_goes() -> None:
    style = "color:red;background:url(x);MARGIN:1px;;nonsense;font:'a;width:expression(1)"
    assert body(f'<p style="{style}">a</p>') == '<p style="color: red; margin: 1px">a</p>'


def test_outer_elements_keep_what_they_say_about_layout() -> None:
    html = '<html dir=rtl><title>T &amp; &lt;b></title><body style="margin:0" bgcolor=red onload=x()>Hi</body></html>'
    assert sanitize(html) == Sanitised(
        '<!DOCTYPE html>\n<html dir="rtl"><head><meta charset="utf-8"><title>T &amp; &lt;b&gt;</title></head>'
        '<body style="margin: 0" bgcolor="red">\nHi\n</body></html>\n',
        lost="onload 1×",
        is_blank=False,
    )


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("<b>a<i>b</b>c", "<b>a<i>b</i></b><i>c</i>"),
        ("<p>a<p>b", "<p>a</p><p>b</p>"),
        ("<p>a<div>b</div>", "<p>a</p><div>b</div>"),
        ("<ul><li>a<li>b</ul>", "<ul><li>a</li><li>b</li></ul>"),
        ("<b><div>a</b>b</div>", "<b></b><div><b>a</b>b</div>"),
        ("<a href=#x><p>x</a></p><p>y</p>", '<a href="#x"></a><p><a href="#x">x</a></p><p>y</p>'),
        ("<p><b>x</p><p>y", "<p><b>x</b></p><p><b>y</b></p>"),
        ("</div>a</p>", "a"),
        (
            "<table><tr><td>a<td>b<tr><td>c</table>d",
            "<table><tbody><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></tbody></table>d",
        ),
        (
            "<table>stray<tr><td>a</table>",
            "<table><tbody><tr><td>stray</td></tr><tr><td>a</td></tr></tbody></table>",
        ),
        (
            "<div><table><tr><td></div>a</table>b</div>",
            "<div><table><tbody><tr><td>a</td></tr></tbody></table>b</div>",
        ),
        ("<td>a</td>", "a"),
        (
            "<table><tbody><tr><td>a<tbody><tr><td>b<colgroup>c</table>",
            "<table><tbody><tr><td>a</td></tr></tbody><tbody><tr><td>b</td></tr></tbody><colgroup></colgroup>"
            "<tbody><tr><td>c</td></tr></tbody></table>",
        ),
        ("<a href=#x>a<a href=#y>b", '<a href="#x">a</a><a href="#y">b</a>'),
        ("<dl><dt>a<dd>b<dt>c</dl>", "<dl><dt>a</dt><dd>b</dd><dt>c</dt></dl>"),
    ],
)
def test_elements_are_closed_where_they_are_due(html: str, expected: str) -> None:
    assert body(html) == expected


MARKUP = "< > / = ' \" & ; ! - a b <p </p> <td <table> <script <!-- --> <svg> style= href=javascript: onerror=x <img"
MARKUP += " <style> ]]> &lt; <b> </b> <a"


@settings(max_examples=150)
@given(st.lists(st.sampled_from([*MARKUP.split(" "), " ", "\n", "<p ", "<img ", "<a "])).map("".join))
@example("<a<b href=javascript:x>")
def test_no_made_up_markup_acts(html: str) -> None:
    assert what_acts(html) == []
    assert body(body(html)) == body(html)


HUGE = [
    "<div>",
    "<b><p>",
    "<table><tr><td>",
    "<ul><li>",
    "<!--",
    "<",
    "<b></p>",
    "<em><div></em>",
    "<a ",
    "<table>x<tr>",
]
HUGE += [
    '<div a="',
    "<svg>",
    "&#9",
    "<td>",
    "<b><div></b>",
    "<img src=cid:x>",
    "((((",
    '"',
    "<font color=red><p>x",
]


@pytest.mark.parametrize("piece", HUGE)
def test_time_grows_with_the_length_only(piece: str) -> None:
    def clean(size: int) -> None:
        html = piece * (size // len(piece))
        content_ids(html)
        assert len(sanitize(html).html) < 10 * len(html) + 1000

    assert grows_linearly(clean, 25_000)


def test_many_attributes_and_copies_of_an_open_element_take_time_in_proportion() -> None:
    def clean(count: int) -> None:
        attributes = "<div " + " ".join(f"a{n}" for n in range(count)) + ">x"
        copies = "".join(f'<font color=a{n} face="{"x" * 1000}">' for n in range(100)) + "<p>x" * (count // 2)
        assert len(sanitize(attributes).html) < 200
        assert len(sanitize(copies).html) < 2 * len(copies)

    assert grows_linearly(clean, 5_000)


@pytest.mark.parametrize(
    "start",
    ["<!DOCTYPE html>", "<!doctype HTML PUBLIC", "<html>", "<HTML lang=en>", " \n\t<html", "\ufeff<html>"],
)
def test_html_says_so_at_its_start(start: str) -> None:
    assert is_html(start)


@pytest.mark.parametrize(
    "start",
    [
        "<htmlx>",
        "<html-a>",
        "<html:a>",
        "<!DOCTYPE htm>",
        "<p>",
        "x <html>",
        "",
        "&lt;html>",
        "<!DOCTYPEhtml>",
    ],
)
def test_anything_else_is_plain(start: str) -> None:
    assert not is_html(start)


def test_content_ids_are_found_wherever_they_are_shown() -> None:
    html = """<img src="cid:a%40b"><td background=cid:c><a href=" CID:d ">x</a>
        <p style="background:url(&quot;cid:e&quot;)"><style>p { background: url( 'cid:f' ) }</style>
        <img src=x alt="cid:no">cid:neither <!-- <img src="cid:nor"> -->"""
    assert content_ids(html) == {"a@b", "c", "d", "e", "f"}
    assert content_ids("<img src=http://x>") == frozenset()
