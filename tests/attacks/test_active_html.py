"""HTML that would run something, fetch something or post something at the reader's: nothing of it is left."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from tests.support.catcher import Catcher
from tests.support.fixtures import Inbox
from tests.support.mail import sound
from tests.support.running import Runner, asset

TO = "a@example.com"
HOSTILE = [
    "<script>alert(1)</script>",
    "<scr<script>ipt>alert(1)</scr</script>ipt>",
    "<SCRIPT SRC=//evil.test/x.js></SCRIPT>",
    "<script\n>alert(1)</script\n>",
    "<script/x>alert(1)</script>",
    "<<script>alert(1)//<</script>",
    "<script>alert(1)",
    "<img src=x onerror=alert(1)>",
    "<img/src=x/onerror=alert(1)>",
    "<img src='x' oNeRrOr='alert(1)'>",
    "<img src=x\fonerror=alert(1)>",
    '<img src="x" onerror\n=\n"alert(1)">',
    "<body onload=alert(1)>",
    "<svg onload=alert(1)>",
    "<svg><script>alert(1)</script></svg>",
    "<svg><a xlink:href='javascript:alert(1)'><text>x</text></a></svg>",
    "<svg><style><img src=x onerror=alert(1)></style></svg>",
    "<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=1 onerror=alert(1)&gt;'>",
    "<math><mi//xlink:href='data:x,<script>alert(1)</script>'>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'></noscript>",
    "<textarea><p title='</textarea><img src=x onerror=alert(1)>'></textarea>",
    "<title><p title='</title><img src=x onerror=alert(1)>'></title>",
    "<xmp><p title='</xmp><img src=x onerror=alert(1)>'></xmp>",
    "<iframe src=javascript:alert(1)></iframe>",
    "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "<object data='data:text/html,<script>alert(1)</script>'></object>",
    "<embed src='//evil.test/x.swf'>",
    "<applet code=x></applet>",
    "<base href='//evil.test/'>",
    "<link rel=stylesheet href='//evil.test/x.css'>",
    "<meta http-equiv=refresh content='0;url=javascript:alert(1)'>",
    "<style>@import '//evil.test/x.css'; p{background:url(//evil.test/x)}</style>",
    "<style></style><img src=x onerror=alert(1)>",
    "<style>p{content:'</style><script>alert(1)</script>'}</style>",
    "<style>p{color:red}</sty<style>le><img src=x onerror=alert(1)></style>",
    "<style>@\\69mport '//evil.test/x'; p{background:u\\72 l(//evil.test/x)} a[x='</style>']{color:red}</style>",
    "<style media='screen){}</style><script>alert(1)</script>'>p{color:red}</style>",
    "<style><!-- </style><script>alert(1)</script> --></style>",
    "<style>p::before{content:'\\3c/style>\\3cscript>alert(1)\\3c/script>'}</style>",
    "<body class='\"><script>alert(1)</script>' onload=alert(1) background='//x\"><script>alert(1)</script>'>",
    "<html lang='\"><script>alert(1)</script>'>",
    "<title></title><script>alert(1)</script></title>",
    "<title>&lt;/title>&lt;script>alert(1)&lt;/script></title>",
    "<!doctype html public '--><script>alert(1)</script>'>",
    "<meta name=viewport content='\"><script>alert(1)</script>'>",
    "<img src='\\\\10.0.0.1\\s\\x.png'><a href='/\\evil.test/'>x</a>",
    "<form action='//evil.test/'><input name=q><button formaction='javascript:alert(1)'>x</button></form>",
    "<isindex action='javascript:alert(1)' type=image>",
    "<a href='javascript:alert(1)'>x</a>",
    "<a href=' &#1; javascript:alert(1)'>x</a>",
    "<a href='java\tscript:alert(1)'>x</a>",
    "<a href='java&#10;script:alert(1)'>x</a>",
    "<a href='&#x6a;avascript&colon;alert(1)'>x</a>",
    "<a href='&#106&#97&#118&#97&#115&#99&#114&#105&#112&#116:alert(1)'>x</a>",
    "<a href='JaVaScRiPt:alert(1)'>x</a>",
    "<a href='vbscript:msgbox(1)'>x</a>",
    "<a href='data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg=='>x</a>",
    "<a href='file:///etc/passwd'>x</a>",
    "<img src='data:image/svg+xml,<svg onload=alert(1)>'>",
    "<img src='javascript:alert(1)'>",
    "<img srcset='javascript:alert(1) 1x'>",
    "<video poster='javascript:alert(1)'><source onerror=alert(1)></video>",
    "<table background='javascript:alert(1)'><tr><td>x</td></tr></table>",
    "<div style='background-image:url(javascript:alert(1))'>x</div>",
    "<div style='width:expression(alert(1))'>x</div>",
    "<div style='w\\69dth:e\\78pression(alert(1))'>x</div>",
    "<div style='behavior:url(#x)'>x</div>",
    "<div style='-moz-binding:url(//evil.test/x)'>x</div>",
    "<div style=\"background:/*x*/url('//evil.test/x')\">x</div>",
    "<div style='@import \"//evil.test/x\"'>x</div>",
    "<div style='color:red;}</style><script>alert(1)</script>'>x</div>",
    '<p title="x" onmouseover=alert(1) "">x</p>',
    "<p title='&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;'>x</p>",
    "<!--><script>alert(1)</script>-->",
    "<!-- --!><script>alert(1)</script>",
    "<![CDATA[<script>alert(1)</script>]]>",
    "<?xml version='1.0'?><script>alert(1)</script>",
    "<template><script>alert(1)</script></template>",
    "<frameset onload=alert(1)><frame src='javascript:alert(1)'></frameset>",
    "<details open ontoggle=alert(1)>x</details>",
    "<a href='//x' target='_blank' ping='//evil.test/'>x</a>",
    "<x onclick=alert(1)>x</x>",
    "<img src='x' \x00onerror='alert(1)'>".replace("\x00", "\x0c"),
    "＜script＞alert(1)＜/script＞",
]
ALLOWED_SCHEMES = ("http", "https", "mailto", "tel", "sms", "ftp", "cid", "")
REFUSED = {
    "script",
    "iframe",
    "object",
    "embed",
    "applet",
    "base",
    "link",
    "form",
    "input",
    "button",
    "svg",
}
REFUSED |= {
    "math",
    "frame",
    "frameset",
    "template",
    "noscript",
    "textarea",
    "xmp",
    "isindex",
    "video",
    "x",
}


ACTING_STYLES = re.compile(
    r"url\((?!\"?cid:)|expression|import|behavior|binding|\\(?!3c )|javascript:|font-face|<"
)


class Reader(HTMLParser):
    """Finds fault with whatever could act."""

    def handle_data(self, data: str) -> None:
        if self.cdata_elem == "style" and ACTING_STYLES.search(data.lower()):
            self.faults.append(f"style sheet {data}")

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.faults: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in REFUSED:
            self.faults.append(tag)
        for name, value in attrs:
            text = re.sub(r"[\x00-\x20]", "", value or "").lower()
            if name.startswith("on") or name in (
                "srcset",
                "srcdoc",
                "formaction",
                "action",
                "ping",
                "target",
            ):
                self.faults.append(f"{tag} {name}")
            if name in ("href", "src", "background", "poster", "xlink:href"):
                scheme = re.match(r"([a-z][a-z0-9+.-]*):", text)
                if (scheme.group(1) if scheme else "") not in ALLOWED_SCHEMES:
                    self.faults.append(f"{tag} {name}={value}")
            if name == "style" and ACTING_STYLES.search(text):
                self.faults.append(f"{tag} style={value}")


def faults(html: str) -> list[str]:
    reader = Reader()
    reader.feed(html)
    reader.close()
    return reader.faults


def arrived(run: Runner, catcher: Catcher, inbox: Inbox, html: str) -> str:
    result = run("send_htmlemail", asset(catcher), {"to": TO, "html_body": html})
    if "nothing of it is left" in result.message:
        return ""
    assert result.message == "Email sent"
    return sound(inbox.messages[-1]).leaf("text/html").text


@pytest.mark.parametrize("hostile", HOSTILE)
def test_nothing_that_acts_arrives(run: Runner, catcher: Catcher, inbox: Inbox, hostile: str) -> None:
    for html in (
        hostile,
        f"<p>before</p>{hostile}<p>after</p>",
        f"<table><tr><td>{hostile}</td></tr></table>",
    ):
        clean = arrived(run, catcher, inbox, html)
        assert faults(clean) == []
        # Read and written once more nothing comes alive again: that is what mutations need.
        again = arrived(run, catcher, inbox, clean) if clean else ""
        assert faults(again) == []
        assert again == clean


@pytest.mark.parametrize(
    "text",
    [
        "&lt;script&gt;alert(1)&lt;/script&gt;",
        "&amp;lt;script&amp;gt;",
        "&#60;img src=x onerror=alert(1)&#62;",
    ],
)
def test_what_was_text_stays_text(run: Runner, catcher: Catcher, inbox: Inbox, text: str) -> None:
    clean = arrived(run, catcher, inbox, f"<p>{text}</p>")
    assert faults(clean) == []
    assert "&lt;" in clean or "&amp;lt;" in clean


def test_layout_is_kept(run: Runner, catcher: Catcher, inbox: Inbox) -> None:
    html = (
        '<table width="600" cellpadding="4" bgcolor="#eee"><tr><td align="center" style="color: #333; padding: 4px">'
        '<h1>Title</h1><p>Text <b>bold</b> <i>it</i><br><a href="https://example.com/a?b=c&amp;d=e">link</a></p>'
        '<ul><li>one</li><li>two</li></ul><img src="cid:logo" alt="logo" width="10"></td></tr></table>'
    )
    clean = arrived(run, catcher, inbox, html)
    for piece in (
        '<table width="600"',
        'cellpadding="4"',
        'bgcolor="#eee"',
        'align="center"',
        "color: #333; padding: 4px",
        "<b>bold</b>",
        'href="https://example.com/a?b=c&amp;d=e"',
        "<li>one</li>",
        'src="cid:logo"',
    ):
        assert piece in clean


def test_the_text_rendering_shows_no_code_and_no_dangerous_link(
    run: Runner, catcher: Catcher, inbox: Inbox
) -> None:
    html = "<p>Hi</p><script>alert(1)</script><style>p{}</style><a href='javascript:alert(1)'>go</a>"
    run("send_htmlemail", asset(catcher), {"to": TO, "html_body": html, "should_sanitize_template": False})
    run("send_email", asset(catcher), {"to": TO, "body": f"<html>{html}</html>"})
    for caught in inbox.messages:
        text = sound(caught).leaf("text/plain").text
        assert "alert" not in text
        assert "p{}" not in text
        assert "Hi" in text
