"""Style sheets and style attributes: what lays out stays, what would fetch or run goes, and only that."""

from __future__ import annotations

import re

import pytest
import tinycss2
from hypothesis import example, given, settings
from hypothesis import strategies as st

from message.html.losses import Losses
from message.html.markup import names
from message.html.sanitise import sanitize
from message.html.styles import Styles
from tests.support.growth import grows_linearly


def sheet(css: str, media: str = "") -> tuple[str, str]:
    """What stays of a style sheet, and what it lost."""
    losses = Losses()
    return Styles(losses).sheet(css, media), losses.told()


def attribute(css: str) -> tuple[str, str]:
    losses = Losses()
    return Styles(losses).attribute(css), losses.told()


ACTING = ("expression(", "behavior:url", "-binding:url", "image-set(", "@import", "@font-face", "@namespace")


def what_acts(css: str) -> list[str]:
    """What another look finds that fetches, runs or leaves the sheet; escapes are read as browsers read them."""
    plain = re.sub(r"\\([0-9a-fA-F]{1,6})\s?", lambda m: chr(min(int(m[1], 16), 0x10FFFF)), css)
    unquoted = re.sub(r"\s", "", re.sub(r'"[^"]*"', '""', plain).lower())
    urls = re.findall(r"url\(\s*[\"']?([^)]*)", plain, re.IGNORECASE)
    return [
        *(name for name in ACTING if name in unquoted),
        *(url for url in urls if not url.lower().startswith("cid:")),
        *("<" for _ in range(css.count("<"))),
    ]


KEPT = [
    "p{margin: 0}",
    "table td.a > p:first-child, #b + c ~ d{color: #fff}",
    'a[href^="https"]{color: red}',
    ".sm\\:w-full{width: 100% !important}",
    'a:hover::before{content: "x"}',
    "li:nth-child(2n + 1):not(.a, .b){color: red}",
    "@media only screen and (max-width:480px){\n.a{width: 100% !important}\n}",
    "@media (prefers-color-scheme: dark){\n.a{background: #000}\n}",
    "@media (width>=600px){\n.a{color: red}\n}",
    "@supports (display: grid){\n.a{display: grid}\n}",
    "@keyframes blink{\nfrom{opacity: 0}\n50%{opacity: 1}\n}",
    "u + .body .gmail{display: block}",
    "#outlook a{padding: 0}",
    ".a{mso-table-lspace: 0pt; -webkit-text-size-adjust: 100%}",
    ".a{background: linear-gradient(90deg,#fff 0%,rgba(0, 0, 0, .5) 100%)}",
    ".a{background-image: url(cid:logo@example.com)}",
    '.a{background-image: url("cid:logo")}',
    ".a{transform: translate(1px, 2px) rotate(3deg)}",
    ".a{grid-template-columns: [full] minmax(1rem, 1fr) repeat(2, 1fr)}",
    ".a{color: red; &:hover{color: blue}}",
    ".a{--brand: red; color: var(--brand, blue)}",
    "@page WordSection1{size: 612pt 792pt; margin: 72pt}",
]


@pytest.mark.parametrize("css", KEPT)
def test_a_rule_that_only_lays_out_is_kept_as_it_is(css: str) -> None:
    assert sheet(css) == (css, "")


@pytest.mark.parametrize("css", KEPT)
def test_it_is_kept_in_a_document_too_and_once_more(css: str) -> None:
    once = sanitize(f"<style>{css}</style><p>x</p>").html
    assert f"<style>\n{css}\n</style></head>" in once
    assert sanitize(once).html == once


URL = "url() in a style 1×"


@pytest.mark.parametrize(
    ("css", "kept", "lost"),
    [
        ("@import 'https://x/y.css'; p{margin:0}", "p{margin: 0}", "@import 1×"),
        ("@import url(//x); @namespace a 'b';", "", "@import 1×, @namespace 1×"),
        ("@font-face{font-family:x;src:url(https://x/y)} p{margin:0}", "p{margin: 0}", "@font-face 1×"),
        ('@font-face{font-family:"Cambria Math";panose-1:2 4 5 3}', "", ""),
        ("@charset 'utf-8'; p{margin:0}", "p{margin: 0}", ""),
        ("p{background:#123 url(https://x/y) no-repeat}", "p{background: #123  no-repeat}", URL),
        ("p{background:url(x), linear-gradient(red,#0f0)}", "p{background: linear-gradient(red,#0f0)}", URL),
        ("p{background-image:url(x);color:red}", "p{color: red}", URL),
        ("p{background:u\\72l(x);color:red}", "p{color: red}", URL),
        ("p{background:image-set('x' 1x);color:red}", "p{color: red}", URL),
        ("p{behavior:url(x);color:red}", "p{color: red}", "style behavior 1×"),
        ("p{-moz-binding:url(x);color:red}", "p{color: red}", "style -moz-binding 1×"),
        ("p{width:expression(alert(1));color:red}", "p{color: red}", "style width 1×"),
        ("p{background:url(data:image/png;base64,AAAA);color:red}", "p{color: red}", URL),
        ("p{background:url(cid:a'\\29 x);color:red}", "p{color: red}", "style background 1×"),
        ("p{background:url(cid:a\\29 x);color:red}", "p{color: red}", URL),
        ("p:unknown(x){color:red}", "", "CSS rule 1×"),
        ("p{color:red", "p{color: red}", ""),
        ("p{color:red}}q{color:blue}", "p{color: red}", "CSS rule 1×"),
        ("<!-- p{color:red} -->", "p{color: red}", ""),
        ("/* </style><script> */p{color:red}", "p{color: red}", ""),
        ("@unknown x{p{color:red}}", "", "@unknown 1×"),
        ("@keyframes a{1px{color:red}}", "", "CSS rule 1×"),
        ("p{}", "", ""),
    ],
)  # fmt: skip
def test_only_what_does_harm_goes_and_is_named(css: str, kept: str, lost: str) -> None:
    assert sheet(css) == (kept, lost)


def test_a_bracket_that_could_end_the_sheet_is_written_otherwise() -> None:
    css, _ = (
        sheet("""a[title="</style>"]{content:"</style><script>alert(1)</script>"} @media (width < 9px){p{margin:0}}
    @media (1px <= width <= 9px){q{margin:0}}""")
    )
    assert "<" not in css
    tight = css.replace(" ", "")
    assert "@media(9px>width){" in tight
    assert "@media(9px>=width>=1px){" in tight


def test_the_media_of_a_sheet_go_with_it() -> None:
    assert sheet("p{margin:0}", "print") == ("@media print{\np{margin: 0}\n}", "")
    assert sheet("p{margin:0}", "all") == ("p{margin: 0}", "")
    assert sheet("p{margin:0}", "x{}") == ("", "<style media> 1×")


@pytest.mark.parametrize(
    ("css", "kept"),
    [
        ("background:#131925 url(https://x/y);color:#fff", "background: #131925; color: #fff"),
        ("background:#131925 url('https://x/y') no-repeat", "background: #131925  no-repeat"),
        ("background-image:linear-gradient(red,blue)", "background-image: linear-gradient(red,blue)"),
        ("background-image:url(cid:logo)", "background-image: url(cid:logo)"),
        ("background:url(https://x) center / cover, #fff", "background: center / cover, #fff"),
        ("list-style:square url(https://x)", "list-style: square"),
        ("cursor:url(https://x),auto", "cursor: auto"),
        ("color:re/**/d", "color: re/**/d"),
        ("color:r\\65 d", "color: red"),
        ("font-family:'a;b:c'", 'font-family: "a;b:c"'),
    ],
)
def test_in_an_attribute_only_the_fetching_part_goes(css: str, kept: str) -> None:
    assert attribute(css)[0] == kept


MARKS = sorted(
    names(r"""{ } ( ) [ ] ; : , \ " ' / * @ < > = ! # . url( url(cid:a) expression( @import @media
    p a:hover color: red background: behavior: -- <!-- --> </style> \75 rl( image-set( é u+1 1px % & ~ + src:""")
)


@settings(max_examples=100)
@given(st.lists(st.sampled_from([*MARKS, "\x00", "\n"]), max_size=30).map(" ".join))
@example('@import "x"')
@example("p { color: url( cid:a) url( x) }")
def test_whatever_is_made_up_nothing_in_it_acts(css: str) -> None:
    for text in (css, css.replace(" ", "")):
        kept, _ = sheet(text)
        assert what_acts(kept) == []
        assert sheet(kept)[0] == kept
        inline, _ = attribute(text)
        assert what_acts(inline) == []
        assert not [
            rule for rule in tinycss2.parse_stylesheet(f"p{{{inline}}}", True, True) if rule.type == "error"
        ]


PIECES = names(
    r"""x:aaaa x: ( [ { a{ @media:x{ :not( url( ' \ /* a, color:red; p{color:red} background:url(x), var( a{b: !
    @x; - < &"""
)


@pytest.mark.parametrize("piece", sorted(PIECES))
def test_time_grows_with_the_length_only(piece: str) -> None:
    def clean(size: int) -> None:
        sheet(piece * (size // len(piece)))
        attribute(f"x:{piece * (size // len(piece))}")

    assert grows_linearly(clean, 8_000)


@pytest.mark.parametrize("opened", ["{", "(", "[", "a{", "@media x{", ":not(", "calc("])
def test_nothing_is_too_deep_to_be_read(opened: str) -> None:
    assert sheet("p" + opened * 100_000)[0] == ""
    assert attribute("color:" + opened * 100_000)[0] == ""


@pytest.mark.parametrize(
    "css",
    [
        r"p{color:red\9}q{color:blue}",
        r"p{color:red\20}q{color:blue}",
        r"p{width:1px\0/}q{color:blue}",
        r"p{color:red\9 !important}q{color:blue}",
        r".a\20{color:red}q{color:blue}",
        r".a\9 , .b\9{color:red}q{color:blue}",
        r"@media x\9{p{color:red\9}}q{color:blue}",
        r"p{background:red\9,url(cid:x)\9}q{color:blue}",
    ],
)
def test_an_escape_at_the_end_takes_no_bracket_with_it(css: str) -> None:
    kept, _ = sheet(css)
    again = tinycss2.parse_stylesheet(kept, skip_comments=True, skip_whitespace=True)
    assert [rule.type for rule in again][-1] == "qualified-rule"
    assert tinycss2.serialize(again[-1].prelude) == "q"
    assert tinycss2.serialize(again[-1].content) == "color: blue"
    assert len(again) == 2


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        (r"c\6flor:red", "color: red"),
        (r"color:\72 ed", "color: red"),
        (r"color:red\9;width:1px", "color: red\\\t; width: 1px"),
        (r"backgr\6fund:u\72l(https://x/y.png) #123", "background: #123"),
    ],
)
def test_a_property_written_with_escapes_is_the_property(written: str, kept: str) -> None:
    assert attribute(written)[0] == kept


def test_an_escaped_angle_bracket_stays_one() -> None:
    css = r".a\<b{content:'\<'}"
    kept, lost = sheet(css)
    assert not lost
    assert "<" not in kept
    before, after = tinycss2.parse_stylesheet(css)[0], tinycss2.parse_stylesheet(kept, True, True)[0]
    assert before.prelude[1].value == after.prelude[1].value == "a<b"
