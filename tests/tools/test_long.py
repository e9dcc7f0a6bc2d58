"""The long tests are run one after the other, and what came of each is kept."""

from __future__ import annotations

import importlib.util

import pytest

from tools.long import LINES, PARTS, Outcome, Part, document, main, run, section


def test_a_section_has_the_date_the_commit_and_the_end_of_the_output() -> None:
    where = "2026-02-03, commit 0123456789ab, Python 3.11.7 on Linux x86_64"
    passed = section(Outcome(PARTS[0], 0, 181.4, ("cells=3 false_sent=0",)), where)
    assert passed == f"`python -m tests.faults`: passed after 181 s. {where}.\n\n    cells=3 false_sent=0"
    failed = section(Outcome(PARTS[4], 1, 60.0, ("lost=1",)), where)
    assert failed.startswith("`python -m tests.soak 1800 0`: **failed** with exit code 1 after 60 s. 2026")


def test_a_new_section_takes_the_place_of_the_old_one_and_leaves_the_others() -> None:
    first, second = PARTS[1].what, PARTS[0].what
    text = document("", {first: "`a`: passed.\n\n    one\n\n    ## two"})
    text = document(text, {second: "`b`: passed."})
    assert text.endswith(
        f"## {second}\n\n`b`: passed.\n\n## {first}\n\n`a`: passed.\n\n    one\n\n    ## two\n"
    )
    assert document(text, {first: "`c`: failed."}).endswith(
        f"## {second}\n\n`b`: passed.\n\n## {first}\n\n`c`: failed.\n"
    )


def test_a_part_is_run_and_its_last_lines_are_kept(capsys: pytest.CaptureFixture[str]) -> None:
    outcome = run(Part("help", "Help", ("tests.faults", "--help")))
    assert outcome.code == 0
    assert 1 < len(outcome.lines) <= LINES
    shown = capsys.readouterr().out
    assert shown.startswith("=== Help: python -m tests.faults --help\n")
    assert outcome.lines[-1] in shown


def test_a_part_that_fails_says_so() -> None:
    assert run(Part("wrong", "Wrong", ("tests.faults", "--client", "nobody"))).code == 2


def test_every_part_names_a_module_that_there_is() -> None:
    for part in PARTS:
        found = importlib.util.find_spec(part.module[0])
        assert found is not None
        if found.submodule_search_locations is not None:  # a package is run by its __main__
            assert importlib.util.find_spec(f"{part.module[0]}.__main__") is not None
    assert "tools.long" not in {part.module[0] for part in PARTS}


def test_a_part_that_there_is_not_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["fualts"])
    assert ended.value.code == 2
    assert "there is no part fualts" in capsys.readouterr().err
