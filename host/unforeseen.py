"""What is said of an error that nobody foresaw: what it is, where it came up, and what to do."""

from __future__ import annotations

from pathlib import Path

from smtp.errors import MailError


def advice(error: BaseException) -> str:
    """What to do about an error that nobody foresaw."""
    if isinstance(error, ModuleNotFoundError):
        return f"The Python module {error.name} is missing: install the connector's dependencies."
    if isinstance(error, MemoryError):
        return "There is not enough memory: give the process more, or send smaller mails."
    return "This is a mistake in the connector: please report it with this message."


def unforeseen(error: BaseException) -> str:
    """What is said of an error that nobody foresaw, outside an action: what it is, where, and what to do."""
    if isinstance(error, ModuleNotFoundError | MemoryError):
        return advice(error)
    return f"It ended because of an unexpected error ({type(error).__name__} at {_place(error)}). {advice(error)}"


def because(error: BaseException) -> str:
    if isinstance(error, MailError):
        return f"The action ended: {error.text}"
    if isinstance(error, KeyboardInterrupt):
        return "The action ended because it was interrupted."
    return f"The action ended because of an unexpected error ({type(error).__name__} at {_place(error)})."


def _place(error: BaseException) -> str:
    """File and line of ours where it came up: no path, no value, nothing that could be a secret."""
    from traceback import walk_tb

    frames = [(Path(frame.f_code.co_filename), line) for frame, line in walk_tb(error.__traceback__)]
    root = Path(__file__).parent.parent
    ours = [
        (path, line)
        for path, line in frames
        if path.is_relative_to(root) and "site-packages" not in path.relative_to(root).parts
    ]
    path, line = (ours or frames)[-1]
    return f"{path.name}:{line}"
