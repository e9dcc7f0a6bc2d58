"""Templates: what playbooks need works; what could leave the sandbox or grow beyond all bounds is refused by name."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from message.errors import MessageError
from message.templates import LARGEST_OUTPUT, LARGEST_VALUES, MOST_ROUNDS, filled, parse_values
from tests.message.reading import email, html_email, read, stored, text_of

VALUES: dict[str, Any] = {
    "name": "Jane <j@x>",
    "n": 3,
    "yes": True,
    "alerts": [{"id": 1, "host": "a"}, {"id": 2, "host": "b&c"}],
    "tags": ["x", "y"],
    "deep": {"er": {"est": "bottom"}},
    "big": "x" * 1_000_000,
    "many": [[1] * 500] * 500,
}


def fill(source: str, *, escapes: bool = False, **values: Any) -> str:
    return filled(source, {**VALUES, **values}, "body", escapes=escapes)


def refusal(source: str, **values: Any) -> str:
    with pytest.raises(MessageError) as caught:
        fill(source, **values)
    (fault,) = caught.value.faults
    assert fault.field == "body"
    return fault.text


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("no template", "no template"),
        ("{{ name }}", "Jane <j@x>"),
        ("{{ name|upper }} {{ name|truncate(5) }}", "JANE <J@X> Jane…"),
        ("{% for a in alerts %}{{ loop.index }}. {{ a.host }}\n{% endfor %}", "1. a\n2. b&c\n"),
        (
            "{% for a in alerts %}{% for b in tags %}{{ a.id }}{{ b }} {% endfor %}{% endfor %}",
            "1x 1y 2x 2y ",
        ),
        ("{% if n > 2 and yes %}a{% elif n %}b{% else %}c{% endif %}", "a"),
        ("{{ deep.er.est }} {{ deep['er']['est'] }} {{ tags[1] }}", "bottom bottom y"),
        (
            "{{ '1234567890123456789'|int }} {{ ' 7 '|int }} {{ '3.9'|int }} {{ yes|int }}",
            "1234567890123456789 7 3 1",
        ),
        ('{{ "jane\'s MAIL-box"|title }}', "Jane's Mail-Box"),
        ("{{ missing|default('none') }}", "none"),
        ("{{ missing.a.b|default('none') }} {{ name.a.b is defined }}", "none False"),
        ("{{ ''|default('none', true) }} {{ ''|d('none') }}{{ n|default(0, true) }}", "none 3"),
        ("{% if missing is defined %}a{% else %}b{% endif %}", "b"),
        ("{{ tags|join(', ') }} {{ alerts|length }}", "x, y 2"),
        ("{{ 'a' ~ n ~ 'b' }} {{ n + 1 }} {{ n - 1 }}", "a3b 4 2"),
        ("{{ 'yes' if n == 3 else 'no' }}", "yes"),
        ("{{ name|replace('<', '(') }}", "Jane (j@x>"),
        ("{# a comment #}x\n", "x\n"),
        ("{% for x in [] %}{% else %}none{% endfor %}", None),
        ("{{ alerts[0] }}", '{"id": 1, "host": "a"}'),
    ],
)
def test_what_playbooks_need_works(source: str, expected: str | None) -> None:
    if expected is None:
        assert "a loop goes over a given value" in refusal(source)
    elif source == "{{ alerts[0] }}":
        assert "host" in fill(source)
    else:
        assert fill(source) == expected


@pytest.mark.parametrize(
    ("source", "named"),
    [
        ("{{ missing.a.b }}", "'missing' is undefined"),
        ("{{ deep.no.est }}", "'dict object' has no attribute 'no'"),
        ("{{ deep['er']['no'].a }}", "'dict object' has no attribute 'no'"),
        ("{{ tags[7].a }}", "'list object' has no attribute '7'"),
        ("{% for a in missing %}{% endfor %}", "'missing' is undefined"),
        ("{% for a in deep.no.est %}{% endfor %}", "'dict object' has no attribute 'no'"),
        (
            "{% for a in tags %}{% for b in a.no %}{% endfor %}{% endfor %}",
            "'str object' has no attribute 'no'",
        ),
    ],
)
def test_the_first_name_of_a_path_that_there_is_not_is_named(source: str, named: str) -> None:
    assert refusal(source) == f"{named}: template_values has no such value"


def test_a_construct_that_turns_escaping_off_is_named_with_its_line() -> None:
    source = "a\n{% autoescape false %}{{ name }}{% endautoescape %}"
    assert refusal(source) == "line 2 of the template: autoescape is not allowed"


@pytest.mark.parametrize("nothing", ["{}", {}])
def test_an_object_without_values_makes_templates_too(nothing: Any) -> None:
    with pytest.raises(MessageError, match="subject: 'case' is undefined"):
        email("x", subject="{{ case }}", template_values=nothing)


def test_values_are_escaped_in_html_and_nowhere_else() -> None:
    assert fill("<b>{{ name }}</b>", escapes=True) == "<b>Jane &lt;j@x&gt;</b>"
    assert fill("{{ name|upper }}{{ name ~ '<i>' }}{{ name|join('<') }}", escapes=True).count("<") == 0
    assert fill("{{ name }}") == "Jane <j@x>"


@pytest.mark.parametrize(
    ("source", "named"),
    [
        ("{{ missing }}", "'missing' is undefined"),
        ("{{ deep.no }}", "no"),
        ("{{ name.upper() }}", "line 1 of the template: a call is not allowed"),
        ("x\n{{ 2 * 3 }}", "line 2 of the template: * is not allowed"),
        ("{{ 2 ** 99 }}", "** is not allowed"),
        ("{{ '%s' % name }}", "% is not allowed"),
        ("{{ range(9) }}", "a call is not allowed"),
        ("{% macro x() %}{% endmacro %}", "macro is not allowed"),
        ("{% set x = 1 %}", "set is not allowed"),
        ("{% include 'x' %}", "include is not allowed"),
        ("{% import 'x' as y %}", "import is not allowed"),
        ("{% extends 'x' %}", "extends is not allowed"),
        ("{% block x %}{% endblock %}", "block is not allowed"),
        ("{{ name|safe }}", "the filter 'safe' is not allowed"),
        ("{{ name|attr('x') }}", "the filter 'attr' is not allowed"),
        ("{{ name|center(9999999) }}", "the filter 'center' is not allowed"),
        ("{{ name|join(big) }}", "join takes short constants only"),
        ("{{ n is divisibleby(2) }}", "the test 'divisibleby' is not allowed"),
        ("{{ self }}", "self is not allowed"),
        ("{{ name[0:2] }}", "a slice is not allowed"),
        ("{% for a in alerts recursive %}{% endfor %}", "a loop goes over a given value as it is"),
        ("{% for a in name|upper %}{% endfor %}", "a loop goes over a given value as it is"),
        (
            "x\n{% for a in name %}{% endfor %}",
            "line 2 of the template: a loop goes over a list or an object",
        ),
        (
            "{% for a in tags %}{% for b in tags %}{% for c in tags %}{% endfor %}{% endfor %}{% endfor %}",
            "2 deep",
        ),
        ("{{ name" + "|upper" * 20 + " }}", "more than 20 deep"),
        ("{{ n is in [" + "n," * 1001 + "] }}", "more than 1000 items"),
        ("{{", "line 1 of the template"),
        ("{% if n %}", "line 1 of the template"),
        ("{{ n + 'x' }}", "line 1 of the template: values in it don't go together"),
        ("a\n{% if n < name %}{% endif %}", "line 2 of the template: values in it don't go together"),
        ("a\n{{ name|int }}", "line 2 of the template: the filter int can't be used on 'Jane <j@x>'"),
        ("{{ n|first }}", "the filter first can't be used on a number"),
        ("{{ tags|abs }}", "the filter abs can't be used on a list"),
        ("{{ name|replace('a') }}", "the filter replace with these arguments can't be used on"),
        ("{{ '__class__' ~ '__mro__' ~ cycler }}", "'cycler' is undefined"),
    ],
)
def test_anything_else_is_refused_and_named(source: str, named: str) -> None:
    assert named in refusal(source)


@pytest.mark.parametrize(
    "source",
    [
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ name.__class__ }}",
        "{{ name['__class__'] }}",
        "{{ name|attr('__class__') }}",
        "{{ deep.__init__ }}",
        "{{ deep.items }}",
        "{{ deep.er.keys }}",
        "{{ n.real }}",
        "{{ tags.append }}",
        "{% for a in tags %}{{ loop.__class__ }}{% endfor %}",
        "{% for a in tags %}{{ loop._iterator }}{% endfor %}",
        "{% for a in tags %}{{ loop.changed }}{% endfor %}",
        "{% for a in tags %}{{ loop.cycle }}{% endfor %}",
        "{{ lipsum.__globals__ }}",
        "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
        "{{ joiner }}",
        "{{ namespace }}",
        "{{ config }}",
        "{{ request }}",
        "{{ dict }}",
        "{{ (1).__class__ }}",
        "{{ [].__class__ }}",
        "{{ {}.__class__ }}",
        "{{ true.__class__ }}",
        "{{ missing.__class__ }}",
        "{{ missing|default(name.__class__) }}",
        "{{ 'x'|default(self._TemplateReference__context) }}",
    ],
)
def test_there_is_no_way_out_of_the_sandbox(source: str) -> None:
    refusal(source)


@pytest.mark.parametrize(
    "source",
    [
        "{{ big }}" * 11,
        "{% for a in alerts %}{% for b in many %}{{ big }}{% endfor %}{% endfor %}",
        "{% for a in many %}{% for b in many %}{% endfor %}{% endfor %}",
        "{{ big|replace('x', '" + "y" * 900 + "') }}",
        "{{ big|join('" + "y" * 900 + "') }}",
        "{{ " + " ~ ".join(["big"] * 60) + " }}",
        "{{ " + " + ".join(["big"] * 60) + " }}",
        "{{ " + "(" * 5000 + "n" + ")" * 5000 + " }}",
        "{{ " + "-" * 5000 + "n }}",
        "{% if n %}" * 30 + "{% endif %}" * 30,
        "{{ " + "not " * 5000 + "n }}",
        "{{ " + "not " * 200 + "n }}",
        "{{ name" + "|upper" * 200 + " }}",
        "{{ n is in [" + "n," * 50_000 + "] }}",
        "{{ n|round(99999999) }}{{ big|int }}",
        "{{ 1" + "0" * 5000 + " }}",
    ],
)
def test_nothing_grows_beyond_its_bound(source: str) -> None:
    before = time.process_time()
    refusal(source)
    assert time.process_time() - before < 10


def test_the_bounds_are_those_that_are_documented() -> None:
    assert (LARGEST_VALUES, LARGEST_OUTPUT, MOST_ROUNDS) == (2**20, 10 * 2**20, 200_000)
    with pytest.raises(MessageError, match="template_values: they have more than 1048576 characters"):
        parse_values({"a": "x" * 2**20})


@pytest.mark.parametrize("value", ["[1]", "x", '"x"', "{", "[" * 100_000, {"a": object()}])
def test_values_are_a_json_object(value: Any) -> None:
    with pytest.raises(MessageError, match="template_values: not a JSON object"):
        parse_values(value)


@pytest.mark.parametrize("value", [None, "", "  "])
def test_without_values_nothing_is_a_template(value: Any) -> None:
    message = email("{{ 2 * 3 }}", subject="{{ x }}", template_values=value)
    assert text_of(message) == "{{ 2 * 3 }}"
    assert read(message)["Subject"] == "{{ x }}"


def test_subject_bodies_and_file_names_are_filled(tmp_path: Any) -> None:
    file = stored(tmp_path, "{{ case }}.txt", b"x")._replace(is_template=True)
    message = html_email(
        "<p>{{ who }}</p>",
        "text for {{ who }}",
        (file,),
        subject="Case {{ case }}",
        template_values='{"case": 7, "who": "<J>"}',
    )
    mail = read(message)
    assert mail["Subject"] == "Case 7"
    html, text = mail.get_body(("html",)), mail.get_body(("plain",))
    assert html is not None
    assert text is not None
    assert "<p>&lt;J&gt;</p>" in text_of(html)
    assert text_of(text) == "text for <J>"
    assert [part.get_filename() for part in mail.iter_attachments()] == ["7.txt"]


def test_a_file_of_the_vault_is_no_template(tmp_path: Any) -> None:
    message = email("x", (stored(tmp_path, "{{ 7*7 }}.txt", b"x"),), template_values={"a": 1})
    assert [part.get_filename() for part in read(message).iter_attachments()] == ["{{ 7*7 }}.txt"]


def test_values_obey_the_rules_that_parameters_obey() -> None:
    with pytest.raises(MessageError, match="subject: has a control character"):
        email(subject="{{ x }}!", template_values={"x": "a\r\nBcc: evil@x"})
    with pytest.raises(MessageError, match="body: "):
        email("{{ x }}", template_values={"x": "\x00"})
    message = html_email("<a href='{{ u }}'>{{ u }}</a>", template_values={"u": "javascript:alert(1)"})
    html = read(message).get_body(("html",))
    assert html is not None
    assert "href" not in text_of(html)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [
                "{{",
                "}}",
                "{%",
                "%}",
                "for",
                "in",
                "if",
                "endfor",
                "endif",
                "else",
                "a",
                "n",
                "tags",
                "alerts",
                ".",
                "[",
                "]",
                "(",
                ")",
                "|",
                "~",
                "+",
                "-",
                "'",
                "1",
                ",",
                "join",
                "upper",
                "loop",
                "index",
                "is",
                "not",
                "==",
                "{#",
                "#}",
            ]
        ),
        max_size=25,
    ).map(" ".join)
)
def test_whatever_is_made_up_there_is_an_output_or_an_error(source: str) -> None:
    told = ""
    try:
        assert isinstance(fill(source), str)
    except MessageError as error:
        told = str(error)
    assert not told or told.startswith("body: ")
