"""The rows of a durable run, read one after the other: JSON, JSON Lines or CSV, however many there are.

What a file holds is seen from its beginning: `[` begins a JSON list, `{` in a line that is a whole object JSON Lines,
any other `{` a single object. Everything else is CSV, whose first line names the parameters. A row that can't be read
does not hold up those behind it.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO

from host.local.files import reason
from host.local.inputs import InputError, parse

MAX_ROW = 64 * 1024 * 1024
"""Octets of one row: more than any mail that a server takes."""
_PIECE = 1 << 16
_JSON_LINES = frozenset({".jsonl", ".ndjson"})
_BOM = b"\xef\xbb\xbf"
# What can change how deep a JSON text is nested, and the inside of a string, where nothing can.
_SIGN = re.compile(rb'["\[\]{},]')
_INSIDE = re.compile(rb'(?:[^"\\]|\\.)*+', re.DOTALL)


@dataclass(frozen=True, slots=True)
class Row:
    """One parameter set, and the line it begins in; of a JSON list its place there. `fault` says why it has none."""

    line: int
    parameters: Mapping[str, Any] = field(default_factory=dict, repr=False)
    fault: str = ""


def rows_of_file(path: Path) -> Iterator[Row]:
    """The rows of a file. Raises `InputError` for one that can't be read."""
    try:
        with path.open("rb") as file:
            yield from rows(file, path.suffix.lower())
    except OSError as error:
        raise InputError(f"{str(path)!r:.200} can't be read: {reason(error)}.") from error
    except ValueError as error:
        raise InputError(f"{str(path)!r:.200} can't be the name of a file.") from error


def rows(file: BinaryIO, suffix: str = "") -> Iterator[Row]:
    """The rows of what is read from `file`; `suffix` is the ending of its name, with the dot."""
    first, before = _first_line(file)
    start = first.lstrip()[:1]
    if start != b"[" and not first.endswith(b"\n"):
        first += file.readline(MAX_ROW + 1)
    if suffix == ".json" and start not in (b"{", b"["):
        raise InputError("The file holds neither a JSON object nor a list of them.")
    if suffix in _JSON_LINES:
        yield from _json_lines(file, first, before)
    elif suffix == ".csv" or start not in (b"{", b"["):
        yield from _csv(file, first, before)
    elif start == b"[":
        yield from _json_list(file, first)
    else:
        yield from _objects(file, first, before)


def _objects(file: BinaryIO, first: bytes, before: int) -> Iterator[Row]:
    """JSON Lines, or one object over several lines."""
    second = file.readline(MAX_ROW + 1)
    lines = chain((first, second), iter(lambda: file.readline(MAX_ROW + 1), b""))
    if _is_object(first) or second.lstrip()[:1] == b"{":
        yield from _lines(lines, before)
        return
    data = first + second + file.read(MAX_ROW + 1)
    if len(data) > MAX_ROW:
        raise InputError(f"The object is larger than {MAX_ROW // 1024 // 1024} MiB.")
    yield _row(data, before + 1)


def _first_line(file: BinaryIO) -> tuple[bytes, int]:
    """The first line that isn't empty, of a long one its beginning, and how many there were before it."""
    before = 0
    line = file.readline(_PIECE).removeprefix(_BOM)
    while line and not line.strip():
        before += 1
        line = file.readline(_PIECE)
    if not line:
        raise InputError("There are no rows, so there is nothing to do.")
    return line, before


def _is_object(line: bytes) -> bool:
    return not _row(line, 1).fault


def _row(data: bytes, line: int) -> Row:
    if len(data) > MAX_ROW:
        return Row(line, fault=f"it is larger than {MAX_ROW // 1024 // 1024} MiB")
    try:
        value = parse(data, "the row")
    except InputError as error:
        return Row(line, fault=str(error))
    if not isinstance(value, dict):
        return Row(line, fault="it is not a JSON object")
    return Row(line, value)


def _json_lines(file: BinaryIO, first: bytes, before: int) -> Iterator[Row]:
    yield from _lines(chain((first,), iter(lambda: file.readline(MAX_ROW + 1), b"")), before)


def _lines(lines: Iterator[bytes], before: int) -> Iterator[Row]:
    number, too_long = before, False
    for line in lines:
        if too_long:  # what is left of a line that was refused already
            too_long = not line.endswith(b"\n")
            continue
        number += 1
        too_long = len(line) > MAX_ROW and not line.endswith(b"\n")
        if line.strip():
            yield _row(line, number)


def _json_list(file: BinaryIO, first: bytes) -> Iterator[Row]:
    """The items of a list, cut apart without being read, so that a broken one is only its own fault."""
    items = _items(chain((first,), iter(lambda: file.read(_PIECE), b"")))
    for number, (item, is_last) in enumerate(items, 1):
        if is_last and number == 1 and not item.strip():
            raise InputError("The list is empty, so there is nothing to do.")
        yield _row(item, number)


def _items(pieces: Iterator[bytes]) -> Iterator[tuple[bytes, bool]]:
    """What stands between the commas of the outermost list, and whether it is the last of it.

    Raises `InputError` where it has no end.
    """
    buffer, depth, start, at, is_inside = bytearray(), 0, 0, 0, False
    for piece in pieces:
        buffer += piece
        while at < len(buffer):
            if is_inside:
                at = _end_of_inside(buffer, at)
                if buffer[at : at + 1] != b'"':
                    break
                at, is_inside = at + 1, False
            at, sign = _next_sign(buffer, at)
            if sign == b'"':
                is_inside = True
            elif sign in (b"[", b"{"):
                depth += 1
                start = at if depth == 1 else start
            elif sign in (b"]", b"}"):
                depth -= 1
                if depth == 0:
                    yield bytes(buffer[start : at - 1]), True
                    if buffer[at:].strip() or any(rest.strip() for rest in pieces):
                        raise InputError("Something follows the list.")
                    return
            elif sign == b"," and depth == 1:
                yield bytes(buffer[start : at - 1]), False
                start = at
        del buffer[:start]
        at, start = at - start, 0
        if len(buffer) > MAX_ROW:
            raise InputError(f"An item of the list is larger than {MAX_ROW // 1024 // 1024} MiB.")
    raise InputError("The list has no end: it is cut off, or a quote or bracket is missing.")


def _end_of_inside(buffer: bytearray, at: int) -> int:
    """Where the string ends that is open at this place, or as far as that can be said yet."""
    found = _INSIDE.match(buffer, at)
    return found.end() if found is not None else at


def _next_sign(buffer: bytearray, at: int) -> tuple[int, bytes]:
    """The next sign that matters and the place behind it; b"" and the end where there is none."""
    found = _SIGN.search(buffer, at)
    return (len(buffer), b"") if found is None else (found.end(), bytes(found.group()))


def _csv(file: BinaryIO, first: bytes, before: int) -> Iterator[Row]:
    """A row for each record; an empty cell is a parameter that isn't given."""
    csv.field_size_limit(MAX_ROW)
    # Octets that are no UTF-8 become what no parameter may hold, and are found where they are.
    lines = chain((first,), iter(lambda: file.readline(MAX_ROW + 1), b""))
    reader = csv.reader(line.decode("utf-8", "surrogateescape") for line in lines)
    names = [name.strip() for name in next(reader)]
    if len(set(names)) < len(names) or not all(names):
        raise InputError("The first line of the CSV has to name each column, and each name once.")
    begins = reader.line_num + before + 1
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield Row(begins, fault=f"not CSV: {error}")
        else:
            if cells:
                yield _record(names, cells, begins)
        begins = reader.line_num + before + 1


def _record(names: list[str], cells: list[str], line: int) -> Row:
    if len(cells) > len(names):
        return Row(line, fault=f"it has {len(cells)} cells, and the first line names {len(names)} columns")
    if not all(cell.isascii() or _is_text(cell) for cell in cells):
        return Row(line, fault="it is not UTF-8")
    return Row(line, {name: cell for name, cell in zip(names, cells, strict=False) if cell})


def _is_text(cell: str) -> bool:
    try:
        cell.encode()
    except UnicodeEncodeError:
        return False
    return True


def rows_of_text(text: str) -> Iterator[Row]:
    """The rows of what stands on the command line."""
    return rows(io.BytesIO(text.encode(errors="surrogateescape")))
