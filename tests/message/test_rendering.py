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


@pytest.mark.parametrize(
    "hidden",
    [
        '<div style="max-height:0;overflow:hidden">secret</div>',
        '<div style="MAX-HEIGHT:0px; Overflow:hidden !important; mso-hide:all">secret</div>',
        '<div style="height:0;overflow:hidden"><b>secret</b></div>',
        '<span style="opacity:0">secret</span>',
        '<span style="opacity:0.0">secret</span>',
        '<div style="font-size:0;line-height:0">secret</div>',
        '<div style="font-size:1px;color:#fff;line-height:1px">secret</div>',
        '<style>.preheader { display: none !important; }</style><span class="preheader">secret</span>',
        '<style>p{color:red} .a, span.x {visibility:hidden; display:none}</style><span class="x y">secret</span>',
        '<style>#pre{display:none}</style><div id="pre">secret</div>',
        "<dialog>secret<p>secret</p></dialog>",
        '<datalist id="x"><option value="a">secret</option></datalist>',
        "<progress>secret</progress><meter>secret</meter>",
        "<div><progress>secret</div>",
    ],
)
def test_what_a_browser_hides_is_not_in_the_text(hidden: str) -> None:
    assert to_text(f"{hidden}<p>seen</p>") == "seen\n"


@pytest.mark.parametrize(
    "shown",
    [
        '<a href="#" style="background:#556;mso-hide:all">seen</a>',  # a button of which Outlook has another
        '<td style="font-size:0px"><div style="font-size:13px">seen</div></td>',
        '<div style="font-size:0;line-height:0"><div><p style="font:14px Arial">seen</p></div></div>',
        '<table><tr><td style="max-width:0;overflow:hidden">seen</td></tr></table>',
        "<dialog open>seen</dialog>",
        '<style>@media (max-width:600px){.x{display:none}}</style><p class="x">seen</p>',
        '<style>.x{display:none}.x{display:block}</style><p class="x">seen</p>',
        '<style>.x{display:none}</style><p class="x" style="display:block">seen</p>',
        '<style>.tab{display:none}#t:checked~.tab{display:block}</style><p class="tab">seen</p>',
        "<ul><li hidden>x<li>seen</ul>",
        "<div><p hidden>x</div><div>seen</div>",
        "<div><dialog>x</div>seen",
    ],
)
def test_what_a_browser_shows_is_in_the_text(shown: str) -> None:
    assert to_text(shown).strip("* \n").partition(" ")[0] == "seen"


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<form>Sign<button>Yes</button><button>No</button></form><form>other</form>", "Sign Yes No\nother\n"),
        ("one<input>two<select><option>x</select>three<textarea>x</textarea>four", "one two three four\n"),
        ("<ol reversed><li>a<li>b<ul><li>x</ul><li>c</ol>", "3. a\n2. b\n  * x\n1. c\n"),
        ("<ol reversed start=10><li>a<li value=5>b<li>c</ol>", "10. a\n5. b\n4. c\n"),
        ("<ol type=a><li>x<li>y</ol><ol type=I start=4><li>z</ol>", "a. x\nb. y\n\nIV. z\n"),
        ("<a href=https://x.example/>one</a>two, <a href=https://y.example/>three</a>.",
         "one <https://x.example/> two, three <https://y.example/>.\n"),
    ],
)  # fmt: skip
def test_what_stands_apart_stays_apart_and_is_numbered_as_it_is(html: str, text: str) -> None:
    assert to_text(html) == text


@pytest.mark.parametrize(
    "piece",
    [
        '<div style="font-size:0">x',
        "<dialog>a",
        "<li hidden>a<b>",
        '<span style="font-size:1px">a</span>',
        "<ol reversed><li>a",
    ],
)
def test_the_time_for_what_is_hidden_grows_with_the_length_only(piece: str) -> None:
    assert grows_linearly(lambda size: to_text(piece * (size // len(piece))), 100_000)
