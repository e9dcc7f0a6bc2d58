"""What sanitising keeps, name by name, and what of it goes: the promise that layout survives."""

from __future__ import annotations

import pytest

from message.html.markup import names
from message.html.sanitise import content_ids, sanitize, to_text
from tests.message.test_html import body

INLINE = names(
    """abbr acronym b bdi bdo big cite code del dfn em font i ins kbd mark q ruby s samp small span strike
    strong sub sup time tt u var a"""
)
BLOCKS = names(
    """address article aside blockquote center dd details dir div dl dt fieldset figcaption figure footer h1 h2 h3 h4
    h5 h6 header hgroup legend li main menu nav ol p pre section summary ul"""
)
EMPTY = names("br hr img wbr area")
ATTRIBUTES = names(
    """abbr align alt bgcolor border cellpadding cellspacing clear color cols colspan coords datetime dir face
    headers height hidden hspace id lang name noshade nowrap reversed role rowspan rules scope shape size span start
    summary title type usemap class valign value vspace width"""
)
URLS = names("href src cite")


@pytest.mark.parametrize("tag", sorted(INLINE | BLOCKS))
def test_an_element_of_layout_is_kept(tag: str) -> None:
    assert body(f"<{tag}>x</{tag}>") == f"<{tag}>x</{tag}>"


@pytest.mark.parametrize("tag", sorted(EMPTY))
def test_an_element_without_content_is_kept(tag: str) -> None:
    assert body(f"a<{tag}>b") == f"a<{tag}>b"


def test_all_parts_of_a_table_are_kept() -> None:
    table = (
        "<table><caption>c</caption><colgroup><col></colgroup><thead><tr><th>h</th></tr></thead>"
        "<tbody><tr><td>d</td></tr></tbody><tfoot><tr><td>f</td></tr></tfoot></table>"
    )
    assert body(table) == table


def test_image_maps_and_readings_are_kept() -> None:
    kept = '<img usemap="#m"><map name="m"><area shape="rect" coords="1,2"></map><ruby>x<rp>(</rp><rt>y</rt></ruby>'
    assert body(kept) == kept


@pytest.mark.parametrize("name", sorted(ATTRIBUTES))
def test_an_attribute_of_layout_is_kept(name: str) -> None:
    assert body(f'<span {name}="1">x</span>') == f'<span {name}="1">x</span>'


@pytest.mark.parametrize(
    "hidden", ["<div hidden>secret</div>", '<p style="content-visibility: hidden">secret</p>']
)
def test_what_nobody_was_to_see_stays_hidden(hidden: str) -> None:
    assert body(f"{hidden}<p>seen</p>").replace('hidden=""', "hidden") == f"{hidden}<p>seen</p>"


def test_a_hidden_element_is_not_in_the_text_either() -> None:
    assert to_text(sanitize("<div hidden>secret</div><p>seen</p>").html) == "seen\n"


@pytest.mark.parametrize("name", sorted(URLS))
@pytest.mark.parametrize("scheme", ["http:", "https:", "mailto:", "tel:", "sms:", "ftp:", "cid:"])
def test_a_url_that_leads_somewhere_harmless_is_kept(name: str, scheme: str) -> None:
    element = {"src": "img", "cite": "q"}.get(name, "a")
    kept = f'<{element} {name}="{scheme}x">'
    assert body(f"{kept}x").startswith(kept)


@pytest.mark.parametrize(
    "attribute", ["onclick=x", "srcset=x", "data-x=y", "target=x", "ping=x", "rel=x", "xmlns=x"]
)
def test_any_other_attribute_goes(attribute: str) -> None:
    assert body(f"<a {attribute}>x</a>") == "<a>x</a>"


@pytest.mark.parametrize("value", ["https://x.test/a.png", "HTTP://x.test/a", "cid:a@b"])
def test_a_background_image_is_kept(value: str) -> None:
    assert f'background="{value}"' in body(f'<table background="{value}"><tr><td>x</table>')


@pytest.mark.parametrize(
    "value", ["ftp://x/y", "a.png", "https:", "https://x y", "x https://y", "javascript:https:x"]
)
def test_any_other_background_goes(value: str) -> None:
    assert "background" not in body(f'<table background="{value}"><tr><td>x</table>')


@pytest.mark.parametrize(
    "style",
    [
        "color: red",
        "background-color: #fff",
        "-webkit-text-size-adjust: 100%",
        "width: calc(100% - 2px)",
        "width: min(1px, 2px)",
        "width: max(1px, 2px)",
        "width: clamp(1px, 2px, 3px)",
        "color: rgb(1, 2, 3)",
        "color: rgba(1, 2, 3, 0.5)",
        "color: hsl(1, 2%, 3%)",
        "color: HSLA(1, 2%, 3%, 0.5)",
        "font-family: 'Segoe UI', Arial",
        "font: 12px/1.5 serif !important",
        "mso-line-height-rule: exactly",
        "background-image: url(cid:logo@example.com)",
        "background: linear-gradient(90deg, red, #fff)",
        "--brand: red; color: var(--brand)",
    ],
)
def test_a_declaration_that_fetches_nothing_is_kept(style: str) -> None:
    assert body(f'<p style="{style}">x</p>') == f'<p style="{style}">x</p>'


@pytest.mark.parametrize(
    "style",
    [
        "background: url(x)",
        "background: url (x)",
        "width: expression(1)",
        "color: red)",
        "color: (red",
        "font-family: 'a",
        "content: &quot;a",
        "color: <b>",
        "color: a>b",
        "color: {",
        "color: }",
        "color: @x",
        "color: a\x01b",
        "color: a\x7fb",
        "color: a\x0eb",
        "behavior: x",
        "-moz-binding: x",
        "x-behavior-y: z",
        "co lor: red",
        "color-: 1",
        "c1: 1",
        "color:",
        "color",
        ": red",
    ],
)
def test_any_other_declaration_goes(style: str) -> None:
    assert body(f'<p style="{style}">x</p>') == "<p>x</p>"


def test_declarations_are_told_apart_and_written_in_one_way() -> None:
    assert body('<p style=" COLOR :red ;; margin:0 ">x</p>') == '<p style="color: red; margin: 0">x</p>'


@pytest.mark.parametrize(
    "html",
    [
        '<img src="cid:a@b">',
        "<a href=CID:a@b>",
        "<td background=' cid:a@b '>",
        "<x poster=cid:a@b>",
        "<p style='background:url(cid:a@b)'>",
        "<p style='background:URL( \"cid:a@b\" )'>",
        "<img src='cid:a&#64;b'>",
        "<img src='cid:a%40b'>",
    ],
)
def test_a_content_id_is_found_where_it_is_referred_to(html: str) -> None:
    assert content_ids(html) == {"a@b"}


@pytest.mark.parametrize(
    "html", ["cid:a@b", "<img alt=cid:a@b>", "<img src=xcid:a@b>", "<img src='x cid:a@b'>", ""]
)
def test_a_content_id_is_found_nowhere_else(html: str) -> None:
    assert content_ids(html) == frozenset()


@pytest.mark.parametrize("kind", ["checkbox", "radio", "CHECKBOX"])
def test_menus_that_open_by_a_box_that_is_ticked_still_do(kind: str) -> None:
    done = sanitize(
        f"<input type={kind} id=m name=g checked class=c style='display:none' onclick=x()>"
        "<label for=m onclick=y()>Menu</label><ul class=menu><li>One</li></ul>"
    )
    assert f'<input type="{kind}" id="m" name="g" checked="" class="c" style="display: none">' in done.html
    assert '<label for="m">Menu</label>' in done.html
    assert done.lost == "onclick 2×"


@pytest.mark.parametrize(
    "field",
    [
        "<input>",
        "<input name=q>",
        "<input type=text>",
        "<input type=password>",
        "<input type=' radio'>",
        "<input type=submit formaction=//x>",
        "<input type=image src=//x>",
        "<input type=file type=checkbox>",
        "<input type=hidden value=1>",
    ],
)
def test_whatever_asks_for_words_or_sends_them_goes(field: str) -> None:
    done = sanitize(f"<p>x</p>{field}")
    assert "<input" not in done.html
    assert done.lost.startswith("<input> 1×")
