"""Input made to keep a parser busy: things repeated, nested, begun and never finished."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Shape:
    """`begin`, then `unit` as often as there is room for it, then `end`.

    With `closing` half of the room is for as many of those: nested, and finished.
    """

    unit: str
    begin: str = ""
    end: str = ""
    closing: str = ""

    def of(self, size: int) -> str:
        """About `size` characters of it."""
        times = max(1, size // len(self.unit + self.closing))
        return f"{self.begin}{self.unit * times}{self.closing * times}{self.end}"

    def __str__(self) -> str:
        parts = (self.begin, f"{self.unit!r} …", self.closing, self.end)
        return " ".join(part for part in parts if part)


def _repeated(*units: str) -> tuple[Shape, ...]:
    return tuple(map(Shape, units))


COMMON = (
    *_repeated("(", "((((a", ")", "<", "<<<<a", ">", "[", "]", "{", "}", '"', '""', "'", "\\", '\\"', "|"),
    *_repeated(
        ",", ";", ":", "@", ".", "..", "=", "-", "--", "_", "/", "*", "%", "%41", "&", "&#", "&lt", "?"
    ),
    *_repeated(
        " ", "\t", " \t", "\n", "\r", "\r\n", "\n ", "\\n", "a", "a ", "A\n", "1", "1.", "é", "\u200b", "\x00"
    ),
    *_repeated(
        "a:", "a=", "a,", "a@", "a.b", "a@b.c,", "<a@b> ", "=?", "=?utf-8?q?a", "=?utf-8?q?a?=", "x:y;"
    ),
    Shape(" ", end="x"),
    Shape("\t", begin="x", end="x"),
    Shape(" ", begin="x:", end=";"),
    Shape("\r\n ", begin="x", end="x"),
    Shape("a", end="!"),
    Shape("a", begin="x:", end="\x00"),
    Shape("a.", end="!"),
    Shape("a-", end="!"),
    Shape("a", begin="=?utf-8?q?"),
    Shape("=?utf-8?b?QUJD?= ", end="=?"),
    Shape("(", closing=")"),
    Shape("[", closing="]"),
    Shape("{", closing="}"),
)
"""For every parser."""
SOME = (*COMMON[::5], *COMMON[-13:])
"""For what is made of parsers that get all of them already."""

MARKUP = (
    *_repeated(
        "<a", "</", "</p>", "<div>", "<b>", "<table>", "<tr>", "<td>", "<li>", "<ul><li>", "x<p>", "<br>"
    ),
    *_repeated("<!--", "-->", "<!", "<?", "<![CDATA[", "<svg>", "<math>", "<script>", "<style>", "<select>"),
    *_repeated(
        "&amp;", "&#x", "&#38;", "<p style='", "<a href=", "<a href=x>", "<img src=cid:a>", "<p a=b>x"
    ),
    *_repeated(
        "<a><p>", "<b><p>x</b>", "<font><div>", "<table><a>", "<td><b></td>", "<![if !mso]>", "<pre>\n"
    ),
    Shape("a ", begin="<p ", end=">x"),
    Shape("a=b ", begin="<p ", end=">x"),
    Shape("a", begin="<p title='", end="'>x"),
    Shape("a", begin="<p title="),
    Shape("a", begin="<", end=">x"),
    Shape("a", begin='<img src="data:image/png;base64,', end='">'),
    Shape(" ", begin="<a href='", end="x'>x"),
    Shape("&amp;", begin="<a href='", end="'>x"),
    *(
        Shape(f"<{tag}>", closing=f"</{tag}>")
        for tag in ("div", "b", "a", "table", "ul", "blockquote", "style")
    ),
    Shape("<table><tr><td>", closing="</td></tr></table>"),
    Shape("<div><p>x</p></div>"),
    Shape("<!--[if mso]>", closing="<![endif]-->"),
)
STYLE = (
    *_repeated(
        "{", "}", "a{b:c}", "a{", "b:c;", "b:", "!important ", "/*", "*/", "/**/", "\\41 ", "\\", "--x:"
    ),
    *_repeated(
        "@media{", "@media x{a{b:c}}", "@import 'x';", "@", "url(", 'url("', "url(x) ", "calc(", "rgb("
    ),
    *_repeated("a,", "a>", "a ", "[a=", ":not(", "#a", ".a", "<!--", "-->", "'", "+1", "1px ", "-", "u+"),
    Shape("a", begin="x:"),
    Shape(" ", begin="x:", end="y"),
    Shape("-a", end=":b"),
    Shape("a", begin="background:url(", end=")"),
    Shape(" ", begin="background:url(", end="x)"),
    Shape("a,", begin="font-family:"),
    Shape("@media x{", closing="}"),
    Shape("a{", closing="}"),
    Shape("calc(", begin="x:", closing=")"),
    Shape("[", begin="x:", closing="]"),
)
"""For a style attribute, and between `<style>` and `</style>`."""
JSON = (
    *_repeated('{"a":', '[{"a":', "[1,", '"a",', "1e", "-", "\\u0041", "tru", "null,"),
    Shape("[", begin='{"a":', closing="]", end="}"),
    Shape('{"a":', closing="}"),
    Shape("\\u0041", begin='"', end='"'),
    Shape("a", begin='"', end='"'),
    Shape("1", begin="[", end="]"),
    Shape("1,", begin="[", end="1]"),
    Shape(" ", begin="[", end="]"),
    Shape('"a":1,', begin="{", end='"b":1}'),
)
PEM = (
    *_repeated(
        "-----BEGIN CERTIFICATE-----\n",
        "-----END CERTIFICATE-----\n",
        "-----BEGIN ",
        "-----",
        "QUJD",
        "QUJD\n",
    ),
    Shape("QUJD\n", begin="-----BEGIN CERTIFICATE-----\n", end="-----END CERTIFICATE-----\n"),
    Shape("QUJD ", begin="-----BEGIN CERTIFICATE----- ", end="-----END CERTIFICATE-----"),
    Shape("QUJD\\n", begin="-----BEGIN CERTIFICATE-----\\n", end="-----END CERTIFICATE-----"),
    Shape("-----BEGIN CERTIFICATE-----\nQUJD\n-----END CERTIFICATE-----\n"),
    Shape("A: b\n", begin="-----BEGIN PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n"),
    Shape(" ", begin="-----BEGIN PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED", end="x"),
    Shape("A", begin="-----BEGIN PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: "),
)
CHALLENGE = (
    *_repeated(
        "r=", "r=a,", "s=QUJD,", "i=4096,", "m=", "\x01", '{"status":"401"}', "QUJD", "v=QUJD,", "e=x,"
    ),
    Shape("a", begin="r=fyko", end=",s=QUJD,i=4096"),
    Shape("QUJD", begin="r=fykoX,s=", end=",i=4096"),
    Shape("9", begin="r=fykoX,s=QUJD,i="),
    Shape(",a=b", begin="r=fykoX,s=QUJD,i=4096"),
)
REPLY = (
    *_repeated(
        "250-a\r\n",
        "250 a\r\n",
        "250-\r\n",
        "250\r\n",
        "550-5.7.1 x\r\n",
        "25",
        "2.5.0 ",
        "5.7.1",
        "id=",
        "queued as ",
    ),
    *_repeated("AUTH ", "PLAIN ", "RCPTMAX=1 ", "SIZE ", "AUTH=", "Ok: queued as ", "550 ", "[InternalId=1"),
    Shape("a", begin="250 queued as "),
    Shape("a-", begin="Ok 0123456789abcdef-"),
    Shape(" ", begin="OK", end="1 a - gsmtp"),
    Shape("1.", begin="5."),
)
MESSAGE = (
    *_repeated(
        "a:b\n",
        "To: a@b.c\n",
        "To: a@b,\n ",
        "Bcc: a@b.c\r\n ",
        "From: (\n",
        " a\n",
        "Resent-To: a@b.c\n",
        ".\n",
    ),
    *_repeated(
        "Content-Type: text/plain; charset=x\n",
        "charset=",
        ';charset="',
        "\r\n\t",
        "Received: x\n\n",
        "MIME-Version: 1.0\n",
    ),
    Shape(" ", begin="Content-Type: text/plain;", end="x"),
    Shape(";", begin="Content-Type: text/plain", end="charset=utf-8\n\nx"),
    Shape('a="b";', begin="Content-Type: text/plain;", end="\n\nx"),
    Shape("a", begin="To: ", end="\n\nx"),
    Shape(" \r\n ", begin="To: ", end="x\n\nx"),
)
MARKDOWN = (
    *_repeated(
        "# ",
        "#",
        "> ",
        "- ",
        "1. ",
        "*a",
        "**a** ",
        "_a",
        "`",
        "```\n",
        "[a](b) ",
        "[a](",
        "![a](",
        "[[",
        "](",
        "a | b\n",
    ),
    *_repeated(
        "- a\n ",
        "<b>",
        "~~~\n",
        "***\n",
        "  - ",
        "\\*",
        "[a]: b\n",
        "http://a.example ",
        "| - |\n",
        "*_`[",
        "    a\n",
    ),
    Shape("*", begin="a", end="b"),
    Shape("> ", end="a"),
    Shape("[", closing="](x)"),
    Shape("| a ", begin="| a |\n| - |\n"),
)
TEMPLATE = (
    *_repeated(
        "{{",
        "}}",
        "{{ a }}",
        "{%",
        "%}",
        "{#",
        "#}",
        "{% if a %}",
        "{% for x in a %}",
        "{{ a|upper }}",
        "{{ a.",
        "{{ (",
    ),
    Shape("(", begin="{{ ", closing=")", end=" }}"),
    Shape("|upper", begin="{{ a", end=" }}"),
    Shape(".a", begin="{{ a", end=" }}"),
    Shape("+a", begin="{{ a", end=" }}"),
    Shape("not ", begin="{{ ", end="a }}"),
    Shape("a,", begin="{{ [", end="] }}"),
    Shape("{% if a %}", closing="{% endif %}"),
    Shape(" ", begin="{{", end="a }}"),
)
