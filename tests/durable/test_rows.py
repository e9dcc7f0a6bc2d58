"""The rows of a run: JSON, JSON Lines and CSV, read as a stream, a broken one told with its line."""

from __future__ import annotations

import io
import json
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

from host.local.inputs import InputError
from host.local.rows import Row, rows, rows_of_file

ONE, TWO = {"to": "a@example.com", "body": 'say "hello"\\ [{,'}, {"to": "b@example.com", "body": "ü"}


def read(text: str | bytes, suffix: str = "") -> list[Row]:
    octets = text if isinstance(text, bytes) else text.encode()
    return list(rows(io.BytesIO(octets), suffix))


def parameters(text: str | bytes, suffix: str = "") -> list[object]:
    found = read(text, suffix)
    assert [row.fault for row in found] == [""] * len(found)
    return [row.parameters for row in found]


@pytest.mark.parametrize(
    "text",
    [
        json.dumps([ONE, TWO]),
        json.dumps([ONE, TWO], indent=2),
        f"\n \n{json.dumps(ONE)}\n\n{json.dumps(TWO)}\n",
        f"\ufeff{json.dumps(ONE)}\r\n{json.dumps(TWO, ensure_ascii=False)}",
    ],
)
def test_a_list_and_json_lines_give_their_objects(text: str) -> None:
    assert parameters(text) == [ONE, TWO]


def test_a_single_object_may_be_written_over_several_lines() -> None:
    assert parameters(json.dumps(ONE, indent=4)) == [ONE]
    assert parameters(json.dumps(ONE)) == [ONE]


class Byte(io.RawIOBase):
    """Gives one octet at a time."""

    def __init__(self, octets: bytes) -> None:
        self._octets = iter(octets)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        octet = next(self._octets, None)
        if octet is None:
            return 0
        memoryview(buffer)[:1] = bytes([octet])  # type: ignore[arg-type] # any buffer
        return 1


def test_a_list_that_comes_octet_by_octet_is_the_same() -> None:
    text = json.dumps([ONE, TWO, {"body": "\\" * 7 + '"'}]).encode()
    assert [row.parameters for row in rows(io.BufferedReader(Byte(text), 1))] == json.loads(text)


def test_a_broken_line_is_told_with_its_number_and_the_others_are_read() -> None:
    found = read('{"a": 1}\n{"a": \n[1]\n\n{"a": 1, "a": 2}\n{"a": NaN}\n\xff\n{"a": 2}\n'.encode("latin-1"))
    assert [(row.line, bool(row.fault)) for row in found] == [
        (1, False),
        (2, True),
        (3, True),
        (5, True),
        (6, True),
        (7, True),
        (8, False),
    ]
    assert "given twice" in found[3].fault


def test_a_first_line_that_is_broken_is_only_its_own_fault() -> None:
    found = read('{"a": \n{"a": 2}\n')
    assert [(row.line, bool(row.fault)) for row in found] == [(1, True), (2, False)]
    assert [bool(row.fault) for row in read('{"a\nx', ".jsonl")] == [True, True]


def test_a_broken_item_of_a_list_is_told_with_its_place() -> None:
    found = read('[{"a": 1}, {"a" 2}, 7, {"a": [1, {"b": ","}]}, ]')
    assert [(row.line, bool(row.fault)) for row in found] == [
        (1, False),
        (2, True),
        (3, True),
        (4, False),
        (5, True),
    ]


@pytest.mark.parametrize("text", ["", " \n\n", "[]", "[ \n ]"])
def test_nothing_to_do_is_an_error(text: str) -> None:
    with pytest.raises(InputError, match="nothing to do"):
        read(text)


@pytest.mark.parametrize("text", ['[{"a": 1}', '[{"a": "x]', '[{"a": 1}] x'])
def test_a_list_that_is_cut_off_or_goes_on_is_an_error(text: str) -> None:
    with pytest.raises(InputError, match=r"The list has no end|follows the list"):
        read(text)


def test_csv_has_parameters_for_columns_and_an_empty_cell_is_none() -> None:
    text = 'to,subject,body\r\na@example.com,"Hello, {to}","two\nlines"\r\n\r\nb@example.com,,x\r\n'
    found = read(text)
    assert [(row.line, row.parameters) for row in found] == [
        (2, {"to": "a@example.com", "subject": "Hello, {to}", "body": "two\nlines"}),
        (5, {"to": "b@example.com", "body": "x"}),
    ]


def test_a_bad_record_of_a_csv_is_told_with_its_line() -> None:
    found = read(
        b"to,body\na@example.com,x\nb@example.com,\xff\nc@example.com,x,y\nd@example.com,x\n", ".csv"
    )
    assert [(row.line, row.fault) for row in found] == [
        (2, ""),
        (3, "it is not UTF-8"),
        (4, "it has 3 cells, and the first line names 2 columns"),
        (5, ""),
    ]


@pytest.mark.parametrize("text", ["to,to\nx,y\n", "to,,body\nx,y,z\n"])
def test_columns_need_a_name_each_and_each_its_own(text: str) -> None:
    with pytest.raises(InputError, match="name each column"):
        read(text)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"mails\.jsonl' can't be read: No such file"):
        list(rows_of_file(tmp_path / "mails.jsonl"))


class Endless(io.RawIOBase):
    """So many rows of a kind, made while they are read."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        view = memoryview(buffer)  # type: ignore[arg-type] # any buffer
        self._rest = self._rest or next(self._pieces, b"")
        piece, self._rest = self._rest[: len(view)], self._rest[len(view) :]
        view[: len(piece)] = piece
        return len(piece)


@pytest.mark.parametrize("form", ["jsonl", "list", "csv"])
def test_the_memory_does_not_grow_with_the_rows(form: str) -> None:
    count = 10_000

    def pieces() -> Iterator[bytes]:
        yield {"jsonl": b"", "list": b"[", "csv": b"to,body\n"}[form] or b"\n"
        for number in range(count):
            one = json.dumps({"to": f"r{number}@example.com", "body": "x" * 500}).encode()
            line = b"r%d@example.com,%s\n" % (number, b"x" * 500)
            last = number == count - 1
            yield {"jsonl": one + b"\n", "list": one + (b"]" if last else b","), "csv": line}[form]

    tracemalloc.start()
    found = sum(not row.fault for row in rows(io.BufferedReader(Endless(pieces()))))
    _now, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found == count
    assert most < 1_500_000
