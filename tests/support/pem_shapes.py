"""One PEM text in every shape that forms, shells and editors leave it in."""

from __future__ import annotations

import textwrap

SHAPES = (
    "as it is",
    "literal line ends",
    "literal line ends of Windows",
    "line ends of Windows",
    "line ends of an old Macintosh",
    "spaces instead of line ends",
    "one line of base64",
    "indented",
    "a byte order mark",
    "a comment in UTF-8",
    "a comment in Latin-1",
    "what openssl prints before it",
)


def shaped(pem: str, shape: str) -> bytes:
    """`pem` in this shape, as a file would hold it."""
    comment = f"# Zürich, aus 2019\n{pem}"
    shapes: dict[str, bytes] = {
        "as it is": pem.encode(),
        "literal line ends": pem.replace("\n", "\\n").encode(),
        "literal line ends of Windows": pem.replace("\n", "\\r\\n").encode(),
        "line ends of Windows": pem.replace("\n", "\r\n").encode(),
        "line ends of an old Macintosh": pem.replace("\n", "\r").encode(),
        "spaces instead of line ends": pem.replace("\n", " ").encode(),
        "one line of base64": _unwrapped(pem).encode(),
        "indented": textwrap.indent(pem, "    \t").encode(),
        "a byte order mark": b"\xef\xbb\xbf" + pem.encode(),
        "a comment in UTF-8": comment.encode(),
        "a comment in Latin-1": comment.encode("latin-1"),
        "what openssl prints before it": b"Certificate:\n    Data:\n        Version: 3 (0x2)\n"
        + pem.encode(),
    }
    return shapes[shape]


def _unwrapped(pem: str) -> str:
    begin, *lines, end = pem.strip().split("\n")
    head = lines[: lines.index("") + 1] if "" in lines else []  # of a key that is locked in the older way
    return "\n".join([begin, *head, "".join(lines[len(head) :]), end, ""])
