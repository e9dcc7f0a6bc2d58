"""What a body becomes: Markdown, signatures, images inside of HTML, files from memory."""

from __future__ import annotations

from base64 import b64encode
from contextlib import suppress
from email.message import EmailMessage, MIMEPart
from typing import Any

import pytest

from message.attachments import Attachment
from message.compose import Message
from message.draft import Addressing, Defaults, html_draft, plain_draft
from message.errors import MessageError
from message.html.images import Images
from message.html.markdown import to_html
from tests.message.reading import DEFAULTS, html_email, octets, read, text_of
from tests.support.growth import grows_linearly

PNG = b"\x89PNG\r\n\x1a\n" + b"\x00" * 20
URL = f"data:image/png;base64,{b64encode(PNG).decode()}"


def part(message: Message, kind: str) -> str:
    body = read(message).get_body((kind,))
    assert body is not None
    return text_of(body)


def composed(
    body: str, body_format: str = "automatic", defaults: Defaults = DEFAULTS, **asked: Any
) -> Message:
    draft = plain_draft(
        Addressing(to="bob@example.com", **asked), body, (), defaults, body_format=body_format
    )
    return draft.compose(eight_bit=True, smtputf8=False)


def parts(message: Message) -> list[MIMEPart]:
    return [leaf for leaf in read(message).walk() if not leaf.is_multipart()]


def test_markdown_goes_as_it_is_and_as_html() -> None:
    markdown = "# Alert\n\n- **one**\n- [two](https://x/?a=1&b=2)\n\n| a | b |\n|---|--:|\n| 1 | 2 |\n\n~~gone~~ `code`"
    message = composed(markdown, "markdown")
    assert part(message, "plain") == markdown
    html = part(message, "html")
    for piece in (
        "<h1 style=",
        "<strong>one</strong>",
        'href="https://x/?a=1&amp;b=2"',
        "<table style=",
        "text-align: right",
        "<s>gone</s>",
    ):
        assert piece in html
    assert message.warnings == ()


@pytest.mark.parametrize(
    "markdown",
    ["<script>alert(1)</script>", "[x](javascript:alert(1))", "<img src=x onerror=y>", "![x](vbscript:y)"],
)
def test_markdown_holds_no_html_and_no_link_that_acts(markdown: str) -> None:
    html = part(composed(f"a {markdown}", "markdown"), "html")
    assert "<script" not in html
    assert "<img" not in html
    assert "href" not in html


@pytest.mark.parametrize(
    "piece",
    [
        "[",
        "*a ",
        "**",
        "`",
        "> ",
        "- ",
        "![",
        "[a](",
        "_",
        "<",
        "&",
        "|",
        "a|b\n",
        "\\",
        "1. x\n",
        "# x\n",
        "    x\n",
        "~~",
        "[a][",
        "[]: ",
    ],
)
def test_markdown_takes_time_in_proportion(piece: str) -> None:
    def read(size: int) -> None:
        with suppress(ValueError):  # quotes that are too deep, which is found out by reading all of them
            to_html(piece * (size // len(piece)))

    assert grows_linearly(read, 4_000)


@pytest.mark.parametrize(
    "markdown",
    [
        "".join(f"{'  ' * level}- item {level}.\n" for level in range(45)),
        "".join(f"{'>' * (level + 1)} item {level}.\n\n" for level in range(90)),
    ],
)
def test_nothing_of_deep_lists_and_quotes_is_lost(markdown: str) -> None:
    html = part(composed(markdown, "markdown"), "html")
    assert [line for line in markdown.split("\n") if line and f"{line.lstrip(' ->')}" not in html] == []


@pytest.mark.parametrize(
    "markdown", [">" * 100 + " x", "".join(f"{'  ' * level}- x\n" for level in range(50))]
)
def test_lists_and_quotes_that_are_too_deep_are_an_error(markdown: str) -> None:
    with pytest.raises(MessageError, match="body: Markdown may have lists and quotes 100 deep"):
        composed(markdown, "markdown")


def test_code_looks_the_same_however_it_is_written() -> None:
    fenced = part(composed("```py\nx < 1\n  y\n```", "markdown"), "html")
    indented = part(composed("    x < 1\n      y", "markdown"), "html")
    assert fenced == indented
    assert '<pre style="' in fenced


def test_markdown_that_is_too_large_is_an_error() -> None:
    with pytest.raises(MessageError, match="body: Markdown may have 1048576 characters"):
        composed("x" * (2**20 + 1), "markdown")


def test_body_format_overrules_the_guess() -> None:
    assert composed("<html>x", "text").content.size
    assert [p.get_content_type() for p in parts(composed("<html>x", "text"))] == ["text/plain"]
    assert [p.get_content_type() for p in parts(composed("<p>x</p>", "html"))] == ["text/plain", "text/html"]
    assert [p.get_content_type() for p in parts(composed("<html>x"))] == ["text/plain", "text/html"]
    with pytest.raises(MessageError, match="body_format: 'rtf' is none of automatic, text, html, markdown"):
        composed("x", "rtf")


SIGNED = Defaults("soar@example.com", signature_text="SOC <soc@x>\nRoom 1", signature_html="<b>SOC</b>")


def test_a_signature_stands_at_the_end_of_text_and_html() -> None:
    assert part(composed("Hello", defaults=SIGNED), "plain") == "Hello\n\n-- \nSOC <soc@x>\nRoom 1"
    draft = html_draft(Addressing(to="b@x"), "<html><body><p>Hi</p></body></html>", "Hi", (), SIGNED)
    message = draft.compose(eight_bit=True, smtputf8=False)
    assert part(message, "plain") == "Hi\n\n-- \nSOC <soc@x>\nRoom 1"
    assert "<p>Hi</p><div><b>SOC</b></div>\n</body>" in part(message, "html")


@pytest.mark.parametrize("end", ["</body></html>", "</BODY>\n</HTML>", "</html>", ""])
@pytest.mark.parametrize("words", ["İİİ", "ΌΣ ß ﬁ", "K"])
def test_a_signature_stands_there_whatever_letters_are_before_it(words: str, end: str) -> None:
    html = part(composed(f"<html><body><p>{words}</p>{end}", defaults=SIGNED), "html")
    assert html.replace("\r\n", "\n") == f"<html><body><p>{words}</p><div><b>SOC</b></div>{end}"


def test_one_signature_is_made_from_the_other_where_only_one_is_given() -> None:
    text_only = Defaults("s@x", signature_text="A & B\nC")
    assert "<div>--<br>A &amp; B<br>C</div>" in part(composed("<html>x", defaults=text_only), "html")
    html_only = Defaults("s@x", signature_html="<p>A</p>")
    assert part(composed("x", defaults=html_only), "plain") == "x\n\n-- \nA"


def test_the_sanitiser_has_the_last_word_on_a_signature_too() -> None:
    draft = html_draft(
        Addressing(to="b@x"),
        "<p>x</p>",
        None,
        (),
        Defaults("s@x", signature_html="<script>y</script><p>z</p>"),
    )
    assert draft.warnings == ("sanitising took out of the HTML: <script> 1×",)
    assert draft.html is not None
    assert "script" not in draft.html


@pytest.mark.parametrize(
    "signature", [{}, {"signature_html": "<p>A</p>"}, {"signature_text": "A"}], ids=["none", "html", "text"]
)
def test_a_body_of_which_nothing_is_left_is_refused_whatever_the_signature(signature: dict[str, str]) -> None:
    with pytest.raises(MessageError, match="nothing of it is left"):
        html_draft(Addressing(to="b@x"), "<script>y</script>", None, (), Defaults("s@x", **signature))


@pytest.mark.parametrize("sanitize", [True, False])
def test_an_image_inside_the_html_becomes_a_part(sanitize: bool) -> None:
    html = f'<p>a</p><img alt="Logo" src="{URL}"><img src=\'{URL}\'><td style="background:url({URL})">x</td>'
    message = html_email(html, sanitize=sanitize)
    (image,) = [p for p in parts(message) if p.get_content_maintype() == "image"]
    assert image.get_content() == PNG
    assert (image.get_filename(), image.get_content_disposition()) == ("image1.png", "inline")
    content_id = str(image["Content-ID"])[1:-1]
    assert part(message, "html").count(f"cid:{content_id}") == (2 if sanitize else 3)
    assert "data:" not in part(message, "html")
    assert message.warnings == ()


def test_images_in_style_sheets_and_backgrounds_become_parts_too() -> None:
    gif = f"data:image/gif;base64,{b64encode(b'GIF89a' + bytes(9)).decode()}"
    html = f'<style>.a{{background:url("{gif}")}}</style><table background="{URL}"><tr><td class=a>x</table>'
    message = html_email(html)
    assert sorted(p.get_content_type() for p in parts(message) if p.get_content_maintype() == "image") == [
        "image/gif",
        "image/png",
    ]
    assert part(message, "html").count("cid:") == 2
    assert message.warnings == ()


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("data:image/svg+xml,<svg onload=alert(1)>", "no image that mail readers show"),
        ("data:text/html;base64,AAAA", "no image that mail readers show"),
        ("data:image/png;base64,!!!!", "its base64 is broken"),
        ("data:image/png", "its URL has no data"),
        (f"data:image/png;base64,{'A' * (21 * 2**20)}", "more than 10485760 octets"),
    ],
)
def test_what_is_no_image_is_left_out_with_a_warning_and_its_alternative_stays(url: str, reason: str) -> None:
    message = html_email(f'<p>x</p><img alt="Logo" src="{url}">')
    assert message.warnings[0].startswith("an image inside the HTML is left out: ")
    assert reason in message.warnings[0]
    assert 'alt="Logo"' in part(message, "html")
    assert [p.get_content_type() for p in parts(message)] == ["text/plain", "text/html"]


@pytest.mark.parametrize("source", ['"data:x"', "'data:x'", "data:x", "data:x "])
def test_the_alternative_stays_however_the_source_was_written(source: str) -> None:
    message = html_email(f"<p>x <img src={source} alt=Logo></p>")
    assert '<img src="" alt="Logo">' in part(message, "html")
    assert part(message, "plain").strip() == "x [Logo]"


def test_what_is_wrong_with_many_images_is_said_once() -> None:
    warnings = html_email(
        "<p>x</p>" + "<img src='data:image/svg+xml,x'>" * 300 + "<img src='data:x'>"
    ).warnings
    assert [warning.partition(": ")[2] for warning in warnings] == [
        "it is no image that mail readers show (PNG, JPEG, GIF, WebP, BMP) (300×)",
        "its URL has no data",
    ]


@pytest.mark.parametrize(
    "piece",
    ["<img ", '<img a="', "<img src=data:", "url(data:", "<img src='data:x'>", "<td background=data:"],
)
def test_looking_for_images_takes_time_in_proportion(piece: str) -> None:
    assert grows_linearly(lambda size: Images().taken_out(f"data:{piece * (size // len(piece))}"), 50_000)


def test_a_file_may_come_from_memory() -> None:
    file = Attachment.of_octets("report.txt", "Grüße\n".encode())
    draft = plain_draft(Addressing(to="b@x", sender="a@x"), "x", [file])
    message = draft.compose(eight_bit=True, smtputf8=False)
    (attachment,) = read(message).iter_attachments()
    assert isinstance(attachment, EmailMessage)
    assert attachment.get_filename() == "report.txt"
    assert attachment.get_payload(decode=True) == "Grüße\n".encode()
    assert octets(message) == octets(message)
    assert [(s.name, s.size, len(s.sha256)) for s in message.attachments] == [("report.txt", 8, 64)]


def test_a_large_file_from_memory_is_read_in_pieces_too() -> None:
    data = bytes(range(256)) * 20_000
    message = plain_draft(
        Addressing(to="b@x", sender="a@x"), "x", [Attachment.of_octets("a.bin", data)]
    ).compose(eight_bit=True, smtputf8=False)
    (attachment,) = read(message).iter_attachments()
    assert attachment.get_content() == data
