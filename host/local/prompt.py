"""A secret that somebody types, or that standard input brings."""

from __future__ import annotations

import sys

from host.local.inputs import InputError


def asked(name: str, *, twice: bool = False) -> str:
    """Ask for a secret at the terminal, unseen, and a second time if `twice`; "" where nothing was typed.

    Where there is no terminal it is the first line of standard input. Raises `InputError`.
    """
    if sys.stdin is None:
        raise InputError(f"{name} can't be asked for: standard input is closed.")
    try:
        if not sys.stdin.isatty():
            text = again = sys.stdin.readline().rstrip("\r\n")
        else:
            from getpass import getpass

            text = getpass(f"{name}: ")
            again = getpass(f"{name}, once more: ") if twice else text
        text.encode()  # in some locales what is no text is read as half characters
    except UnicodeError as error:
        raise InputError(f"{name}: what was given is not text in {sys.stdin.encoding}.") from error
    except EOFError as error:
        raise InputError(f"{name}: nothing was given.") from error
    except OSError as error:
        raise InputError(f"{name} can't be asked for: there is no terminal to ask at.") from error
    if again != text:
        raise InputError(f"{name}: the two are not the same; nothing was changed.")
    return text
