"""The mutants themselves: one thing wrong in each, and nothing that no test could notice."""

from __future__ import annotations

import pytest

from tests.mutants.mutate import mutants


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("x = a == b", ["x = a != b"]),
        ("x = a < 1", ["x = a <= 1", "x = a < 2"]),
        ("x = a and b", ["x = a or b", "x = b", "x = a"]),
        ("x = a + b", ["x = a - b"]),
        ("x = True", ["x = False"]),
        ("x = 'text'", ["x = 'Xtext'"]),
        ("x = b'a'", ["x = b'Xa'"]),
        ("x = {a: b, c: d}", ["x = {c: d}", "x = {a: b}"]),
        ("x = (a, b, c)", ["x = (b, c)", "x = (a, c)", "x = (a, b)"]),
        ("x = (S.ONE, S.TWO)", ["x = (S.TWO, S.TWO)", "x = (S.ONE, S.ONE)"]),
        ("while a:\n    break", ["while not a:\n    break", "while a:\n    pass"]),
        ("if a:\n    raise b", ["if not a:\n    raise b", "if a:\n    pass"]),
        (
            "x = 'a b c d e'",
            ["x = 'b c d e'", "x = 'a c d e'", "x = 'a b d e'", "x = 'a b c e'", "x = 'a b c d'"],
        ),
    ],
)
def test_each_mutant_has_one_thing_wrong(source: str, expected: list[str]) -> None:
    assert sorted(mutant.source for mutant in mutants(source)) == sorted(expected)


@pytest.mark.parametrize(
    "source",
    [
        "import a",
        "def f(x: 'text') -> 'text':\n    'What it does.'\n    return x",
        "if TYPE_CHECKING:\n    from a import b",
        "x: 'text'",
        "__all__ = ['x']",
    ],
)
def test_what_no_test_could_notice_is_left_alone(source: str) -> None:
    assert list(mutants(source)) == []
