"""The example that uses the `smtp` package alone, run as a user would run it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.support.authority import authority
from tests.support.catcher import Catcher

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "library.py"


def test_it_sends_a_mail_and_says_what_became_of_it(tmp_path: Path) -> None:
    (tmp_path / "authority.pem").write_text(authority().pem)
    with Catcher("starttls", logins={"soc@example.com": "secret"}) as server:
        # A session of its own has no terminal, so that the password comes from standard input.
        done = subprocess.run(
            [
                sys.executable,
                EXAMPLE,
                "localhost",
                str(server.port),
                "soc@example.com",
                "jane@example.com",
                "--ca-bundle",
                tmp_path / "authority.pem",
            ],
            input="secret\n",
            text=True,
            capture_output=True,
            timeout=60,
            start_new_session=True,
        )
    assert done.returncode == 0, done.stderr
    assert "sent: 250" in done.stdout
    (mail,) = server.messages
    assert (mail.mail_from, mail.rcpt_tos, mail.username) == (
        "soc@example.com",
        ("jane@example.com",),
        "soc@example.com",
    )
    assert b"It works." in mail.content


def test_who_gives_no_password_at_the_prompt_gets_a_line() -> None:
    done = subprocess.run(
        [sys.executable, EXAMPLE, "localhost", "1", "soc@example.com", "jane@example.com"],
        stdin=subprocess.DEVNULL,
        text=True,
        capture_output=True,
        timeout=60,
        start_new_session=True,
    )
    assert done.returncode == 1
    assert done.stderr.endswith("library.py: stopped\n")
    assert "Traceback" not in done.stderr
