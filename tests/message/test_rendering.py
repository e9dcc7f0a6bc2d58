"""HTML as text: readable, and made in one pass whatever the HTML is."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from message.html.rendering import to_text
from tests.support.growth import grows_linearly


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("<h1>Title</h1><p>One\n  two</p><p>Three</p>", "Title\n\nOne two\n\nThree"),
        ("a<br>b<br/>c", "a\nb\nc"),
        ("<div>a</div><div>b</div>c", "a\nb\nc"),
        ("<ul><li>a</li><li>b<ul><li>c</li></ul></li></ul>d", "* a\n* b\n  * c\n\nd"),
        ("<ol><li>a<li>b</ol>", "1. a\n2. b"),
        ('<a href="https://x/?a=1&amp;b=2">link</a>.', "link <https://x/?a=1&b=2>."),
        ('<a href="https://x/">https://x/</a>', "https://x/"),
        ('<a href="mailto:a@x">a@x</a>', "a@x"),
        ('<a href="javascript:x()">js</a> <a href="#top">top</a>', "js top"),
        ('<a href="https://x"><img src=a alt="Logo"></a>', "[Logo] <https://x>"),
        ('<a href="https://x">unclosed', "unclosed <https://x>"),
        ("<table><tr><th>A<th>B</tr><tr><td>1</td><td></td><td>2</td></tr></table>", "A | B\n1 | 2"),
        ("<table><tr><td><p>A</p></td></tr></table>B", "A\n\nB"),
        ("<blockquote>q<blockquote>r</blockquote></blockquote>a", "> q\n>\n> > r\n\na"),
        ("<pre>  a\n   b\n</pre>c", "  a\n   b\n\nc"),
        ("a<hr>b", f"a\n\n{'-' * 40}\n\nb"),
        ("&lt;b&gt; &amp;amp; &eacute; &#233; &#x1F600; &nbsp;x", "<b> &amp; é é 😀 x"),
        ("<title>t</title><style>s</style><script>s</script><!-- c --><template>t</template>a", "a"),
        ("<b>a</b>b <i>c</i> d", "ab c d"),
        ("a < b", "a < b"),
        ("<p></p><p> </p>", ""),
        (
            '<a href="https://x/?a=1&region=eu&timestamp=5&copy=1&amp;b=2">l</a>',
            "l <https://x/?a=1&region=eu&timestamp=5&copy=1&b=2>",
        ),
        ('<a href=" https://x/a b\tc ">l</a>', "l <https://x/a%20bc>"),
        ('<img alt="&copy; &lt;b&gt; &ampx">', "[© <b> &ampx]"),
        ("<div>a</div><div><br></div><div>b</div>", "a\n\nb"),
        ("<div>a</div><div><br></div><div><br></div><div>b</div>", "a\n\n\nb"),
        ("<p>a</p><p><br></p><p>b</p>", "a\n\nb"),
        ("a<br><br>b", "a\n\nb"),
        ("<p>a<br></p><p>b</p>", "a\n\nb"),
        ("<ul><li><p>a</p></li><li><p>b</p></li></ul>", "* a\n* b"),
        ("<ul><li><p>a</p><p>b</p></li><li><div>c</div></li></ul>", "* a\n\nb\n* c"),
        ("<ul><li>a<ul><li>b</li></ul></li><li>c</li></ul>", "* a\n  * b\n* c"),
        ("<ul><li><ul><li>a</ul></ul>", "*\n  * a"),
        ("<ol start=3><li>a<li>b<li value=9>c<li>d</ol>", "3. a\n4. b\n9. c\n10. d"),
        ("<ol start=x><li>a</ol>", "1. a"),
        ("<ol start=0><li>a<li>b</ol>", "0. a\n1. b"),
        ("<ol start=-1><li>a<li>b<li>c</ol>", "-1. a\n0. b\n1. c"),
        ("<ol start=99999999><li>a</ol>", "1. a"),
        ('<p style="display:none">preheader<p>a<p>b', "a\n\nb"),
        ('<p style="display:none">preheader<b>b</b><table><tr><td>a</table>', "a"),
        ("<p hidden>preheader</p>a<p>b</p>", "a\n\nb"),
        (
            "<table><tr><td><p>a</p></td><td><p>b</p></td></tr><tr><td><p>c</p></td><td>d</table>",
            "a | b\nc | d",
        ),
        ("<table><tr><td><div>a</div></td><td><div>b</div></td></tr></table>", "a | b"),
        ("<table><tr><td><p>a1</p><p>a2</p></td><td><p>b</p></td></tr></table>", "a1\n\na2\n\nb"),
        (
            "<table><tr><td><table><tr><td>a</td><td>b</td></tr></table></td></tr><tr><td>c</td></tr></table>",
            "a | b\n\nc",
        ),
        ("<pre>\n  a\n\nb</pre>", "  a\n\nb"),
        ("<pre>a\nb</pre>", "a\nb"),
        ('<div style="display:none">preheader</div><p>a</p>', "a"),
        ('<div style="color:red; DISPLAY : none !important">x<div>y</div>z</div>a', "a"),
        ('<span style="mso-hide:all">x</span><p hidden>y</p>a', "a"),
        ('<img style="display:none" alt=x>a', "a"),
        ('<div style="display:block">a</div>', "a"),
        ("<p>&#847;&zwnj;&nbsp;&#847;&zwnj;&nbsp;</p><p>a</p>", "a"),
        ("plain", "plain"),
        ("", ""),
    ],
)
def test_structure_can_be_read(html: str, expected: str) -> None:
    assert to_text(html) == f"{expected}\n"


@settings(max_examples=150)
@given(st.text(alphabet="<>/ab=&;#'\"! \n-|", max_size=200) | st.text(max_size=100))
@example("<pre>a\rb\r\n\n\rc&#13;d")
def test_any_input_gives_lines(html: str) -> None:
    text = to_text(html)
    assert text.endswith("\n")
    assert "\r" not in text
    assert not text.endswith("\n\n\n")


@pytest.mark.parametrize(
    "piece",
    [
        "<div>",
        "<blockquote>x",
        "<ul><li>x",
        "<!--",
        "<",
        "<a href=x>",
        "<a ",
        "&#9",
        "&",
        "<td>",
        "<pre>\n",
        "<script>",
        '<div a="',
    ],
)
def test_time_grows_with_the_length_only(piece: str) -> None:
    assert grows_linearly(lambda size: to_text(piece * (size // len(piece))), 50_000)


def test_reference_to_an_absurd_character_is_no_crash() -> None:
    assert to_text("&#" + "9" * 100_000 + ";x&#xFFFFFFFFFF;&#xD800;") == "\ufffdx\ufffd\ufffd\n"
