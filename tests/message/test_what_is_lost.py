"""What sanitising takes out is named, what it keeps has its place, and a mail of which nothing is left is refused."""

from __future__ import annotations

import lxml.html
import pytest

from message.errors import MessageError
from message.html.markup import names
from message.html.sanitise import sanitize
from tests.message.reading import html_email, read, text_of
from tests.message.test_html import body


def lost(html: str) -> str:
    return sanitize(html).lost


@pytest.mark.parametrize(
    ("html", "named"),
    [
        ("<form action=x><input name=a><button>b</button></form>c", "<form> 1×, <input> 1×, <button> 1×"),
        ("a<script>x</script><script src=y></script>", "<script> 2×"),
        ("<p onclick=x onmouseover=y>a</p><p onclick=x>b</p>", "onclick 2×, onmouseover 1×"),
        ("<a href='javascript:x'>a</a><img src='file:///x'>", "href=javascript: 1×, src=file: 1×"),
        ("<a href='//'>a</a>", "href=//… 1×"),
        ("<iframe src=x></iframe>a<object></object><embed src=x>", "<iframe> 1×, <object> 1×, <embed> 1×"),
        ("<link rel=stylesheet href=x><base href=y>a", "<link> 1×, <base> 1×"),
        ("<meta http-equiv=refresh content='0;url=x'>a", "<meta> 1×"),
        ("<!--[if mso]><v:rect src=x></v:rect><![endif]-->a", "conditional comment 1×"),
        ("<head><!--[if mso]><style>p{}</style><![endif]--></head><body>a", "conditional comment 1×"),
        ("<svg><path/></svg>a<video src=x></video>", "<svg> 1×, <video> 1×"),
        ("<style>@import 'x';</style>a", "@import 1×"),
        ("<img srcset='a 1x' src=cid:b>", "srcset 1×"),
        ("<style type=text/less>p{}</style>a", "<style> 1×"),
        (f"{'<div>' * 200}a", "elements nested too deeply 1×"),
    ],
)
def test_everything_that_goes_is_named_and_counted(html: str, named: str) -> None:
    assert lost(html) == named
    assert html_email(html, "text").warnings[0] == f"sanitising took out of the HTML: {named}"


@pytest.mark.parametrize(
    "html",
    [
        "<!DOCTYPE html><html xmlns='http://www.w3.org/1999/xhtml' xmlns:v=x><head><meta charset=utf-8></head>"
        "<body><p class=a>x</p><a href=https://x target=_blank rel=noopener data-id=1>y</a></body></html>",
        "<!-- a comment --><p>x</p><!--[if !mso]><!--><p>y</p><!--<![endif]-->",
        "<meta http-equiv=Content-Type content='text/html; charset=utf-8'><meta name=viewport content=a>x",
        "<p>x<o:p></o:p></p>",
    ],
)
def test_what_has_no_effect_in_a_mail_goes_without_a_word(html: str) -> None:
    assert lost(html) == ""


def test_more_kinds_than_anybody_reads_are_counted() -> None:
    assert lost("".join(f"<x{n}>" for n in range(30)) + "a").endswith("<x19> 1×, and 10 more kinds")


def test_names_of_strangers_cannot_disturb_the_warning() -> None:
    assert "\x1b" not in lost("<p on\x1b[31m=x>a<x\u202ey>b")


@pytest.mark.parametrize(
    "html",
    [
        "<script>x</script>",
        "<style>@import 'x'</style>",
        "<iframe src=x></iframe> &nbsp;",
        "<form></form>\u200b",
    ],
)
def test_html_of_which_nothing_is_left_is_refused(html: str) -> None:
    with pytest.raises(MessageError, match="html_body: nothing of it is left: sanitising takes out "):
        html_email(html)
    with pytest.raises(MessageError, match="html_body: nothing of it is left"):
        html_email(html, "a text")


@pytest.mark.parametrize(
    "html", ["", "<p></p>", "<script>x</script><img src=cid:a>", "<script>x</script>a", "<hr>"]
)
def test_any_other_html_goes(html: str) -> None:
    html_email(html, "text")


def test_harmless_html_keeps_its_structure() -> None:
    html = "<html><body><p>hello</p></body></html>"
    assert body(html) == "<p>hello</p>"
    assert "<div" not in sanitize(html).html
    assert lost(html) == ""


def test_the_body_keeps_its_attributes() -> None:
    kept = '<body bgcolor="#222" text="#fff" link="red" style="margin: 0; background: #222" class="b" marginheight="0"'
    assert f"{kept}>" in sanitize(f"{kept} onload=x>a").html


@pytest.mark.parametrize(
    "value", ['"><script>x</script>', "'", '"><img src=x onerror=y>', '" onload="x', "<", "&"]
)
def test_no_value_leaves_its_attribute(value: str) -> None:
    given = value.replace("&", "&amp;").replace('"', "&quot;")
    html = sanitize(
        f'<html lang="{given}"><title>{given}</title><body class="{given}"><p class="{given}">x</p>'
    ).html
    reading = lxml.html.document_fromstring(html)
    assert [reading.get("lang"), reading.body.get("class"), reading.find(".//p").get("class")] == [value] * 3
    assert reading.findtext(".//title") == value
    assert [element.tag for element in reading.iter()] == ["html", "head", "meta", "title", "body", "p"]


PUBLIC = '<!DOCTYPE html PUBLIC "-//W3C//DTD '
TR = 'Transitional//EN"'


@pytest.mark.parametrize(
    ("doctype", "kept"),
    [
        ("", "<!DOCTYPE html>\n"),
        ("<!doctype html>", "<!DOCTYPE html>\n"),
        (f'<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 {TR}" "http://x">', f'{PUBLIC}XHTML 1.0 {TR} "http://www.w3'),
        (f'<!DOCTYPE HTML PUBLIC "-//W3C//DTD HTML 4.01 {TR}>', f'{PUBLIC}HTML 4.01 {TR} "http://www.w3'),
        ('<!DOCTYPE html SYSTEM "x"<script>', "<!DOCTYPE html>\n"),
    ],
)  # fmt: skip
def test_the_document_type_decides_how_tables_look_and_stays(doctype: str, kept: str) -> None:
    assert sanitize(f"{doctype}<html><body>x</body></html>").html.startswith(kept)


@pytest.mark.parametrize(
    "url",
    sorted(
        names(r"\\10.0.0.1\s\x.png /\10.0.0.1/s \/10.0.0.1/s \\x &#92;&#92;x &bsol;/x //\x")
        | {"\\\t\\x", "\n/\\x"}
    ),
)
@pytest.mark.parametrize("name", ["src", "href", "background", "cite"])
def test_a_path_to_a_machine_of_the_readers_own_network_goes(name: str, url: str) -> None:
    assert body(f'<img {name}="{url}">x') == "<img>x"
    assert f"{name}=" in lost(f'<img {name}="{url}">x')


def test_a_link_without_a_scheme_leads_to_https() -> None:
    assert body('<a href="//example.com/x">a</a>') == '<a href="https://example.com/x">a</a>'


def test_metas_that_readers_heed_are_kept() -> None:
    html = sanitize(
        '<meta name="viewport" content="width=device-width"><meta name=color-scheme content="light dark">x'
    ).html
    assert (
        '<meta name="viewport" content="width=device-width"><meta name="color-scheme" content="light dark">'
        in html
    )


def test_the_look_of_a_template_arrives() -> None:
    html = """<!DOCTYPE html><html><head><style>.p{display:none!important}
    @media(max-width:480px){.w{width:100%!important}}</style></head><body style="background:#eee">
    <div class="p" style="display:none">hidden</div><table class="w"><tr><td>x</table>"""
    part = read(html_email(html)).get_body(("html",))
    assert part is not None
    arrived = text_of(part)
    assert ".p{display: none !important}" in arrived
    assert "@media (max-width:480px){\n.w{width: 100% !important}\n}" in arrived
    assert '<body style="background: #eee">' in arrived
    assert '<div class="p" style="display: none">hidden</div>' in arrived


@pytest.mark.parametrize(
    ("html", "kept", "named"),
    [
        ("a<dialog>x <b>y</b></dialog>b", "ab", "<dialog> 1×"),
        ("<dialog open class=c>x</dialog>", '<div class="c">x</div>', "<dialog> 1×"),
        ("<div><meter>x</div><p>a</p>", "<div></div><p>a</p>", "<meter> 1×"),
        ("a<datalist><option>x</datalist>b", "ab", "<datalist> 1×"),
        ("<form action=x style='color:red'>a</form><form>b</form>",
         '<div style="color: red">a</div><div>b</div>', "<form> 2×"),
        ("<button class=b>a</button><button>b</button>", '<span class="b">a </span> <span>b </span>', "<button> 2×"),
        ("<marquee>a</marquee><blink>b</blink>", "<span>a </span><span>b</span>", "<marquee> 1×, <blink> 1×"),
        ("<table><form><tr><td>a</td></tr></form></table>",
         "<table><tbody><tr><td>a</td></tr></tbody></table>", "<form> 1×"),
        ("<table><tr><td><form>a</form></td></tr></table>",
         "<table><tbody><tr><td><div>a</div></td></tr></tbody></table>", "<form> 1×"),
    ],
)  # fmt: skip
def test_what_goes_leaves_no_hidden_words_and_runs_nothing_together(html: str, kept: str, named: str) -> None:
    assert body(html) == kept
    assert lost(html) == named


BUTTON = '<a href="https://x" style="color:#fff;mso-hide:all">Go</a>'
OUTLOOKS = "<!--[if mso]><v:roundrect>Go</v:roundrect><![endif]-->"


@pytest.mark.parametrize(
    ("html", "is_hidden"),
    [
        (OUTLOOKS + BUTTON, False),
        (BUTTON, True),
        (OUTLOOKS + '<div style="max-height:0;overflow:hidden;mso-hide:all">preheader</div>x', True),
        (OUTLOOKS + '<div style="display:none;mso-hide:all">preheader</div>x', True),
    ],
)
def test_what_stands_beside_a_part_for_outlook_is_there_for_outlook_too(html: str, is_hidden: bool) -> None:
    """Where Outlook's own button goes, the other one must not be hidden from it."""
    assert ("mso-hide: all" in sanitize(html).html) is is_hidden


@pytest.mark.parametrize(
    ("html", "kept"),
    [
        (
            '<!--[if mso | IE]><table width="600" onclick=x><tr><td style="width:600px;background:url(http://x)">'
            "<![endif]--><p>a</p><!--[if mso | IE]></td></tr></table><![endif]-->",
            '<!--[if mso | IE]><table width="600"><tr><td style="width: 600px"><![endif]--><p>a</p>'
            "<!--[if mso | IE]></td></tr></table><![endif]-->",
        ),
        (
            "<!--[if !mso]><!-- --><b>a</b><!--<![endif]--><!--[if mso]><i>b > c</i><![endif]-->",
            "<!--[if !mso]><!--><b>a</b><!--<![endif]--><!--[if mso]><i>b &gt; c</i><![endif]-->",
        ),
        (
            "<!--[if mso]><table><tr><td><v:rect>b</v:rect><![endif]--><!--[if !mso]><!-->a<!--<![endif]-->"
            "<!--[if mso]></td></tr></table><![endif]-->",
            "<!--[if mso]><table><tr><td><![endif]-->a<!--[if mso]></td></tr></table><![endif]-->",
        ),
        ("<!--[if mso]><script>alert(1)</script><![endif]-->a", "a"),
        ("<!--[if mso]><svg onload=x></svg><![endif]-->a", "a"),
        ('<!--[if mso]><a href="javascript:x">b</a><![endif]-->a', "<!--[if mso]><a>b</a><![endif]-->a"),
        ("<!--[if mso]>--><img src=x onerror=alert(1)><![endif]-->", '<!--[if mso]><!--><img src="x">'),
        ('<!--[if mso]><p title="--!><img src=x onerror=y>"><![endif]-->', '<img src="x">"&gt;'),
        ('<!--[if x"><script>]><b>a</b><![endif]-->a', "a"),
        ("<!-- a comment -->a", "a"),
    ],
)
def test_what_lays_out_a_mail_for_outlook_stays_and_is_filtered_like_all_else(html: str, kept: str) -> None:
    assert body(html) == kept
    assert sanitize(sanitize(html).html).html == sanitize(html).html
