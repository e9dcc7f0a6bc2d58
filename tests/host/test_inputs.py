"""What people hand over, and how they are told that it can't be used."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from host.local import inputs
from host.local.home import Home
from host.local.inputs import InputError


def refused(source: str) -> str:
    with pytest.raises(InputError) as caught:
        inputs.parameter_sets(source)
    return str(caught.value)


@pytest.mark.parametrize("text", ['{"to": "a"}', ' \n{"to": "a"}', '[{"to": "a"}]', '\t[ {"to": "a"} ]\n'])
def test_json_itself_is_one_set_or_a_list(text: str) -> None:
    assert inputs.parameter_sets(text) == [{"to": "a"}]


def test_a_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "params.json").write_text('[{"to": "ü"}, {}]', encoding="utf-8-sig")
    assert inputs.parameter_sets(str(tmp_path / "params.json")) == [{"to": "ü"}, {}]


def test_a_hyphen_is_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b'{"to": "a"}')))
    assert inputs.parameter_sets("-") == [{"to": "a"}]


def test_closed_standard_input_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    assert refused("-") == "Standard input is closed."


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "{",
            "What stands after --params, line 1, column 2: not JSON: "
            "Expecting property name enclosed in double quotes.",
        ),
        (
            '{\n "to": "a"\n "cc": 1}',
            "What stands after --params, line 3, column 2: not JSON: Expecting ',' delimiter.",
        ),
        ('{"to": "a"} x', "What stands after --params, line 1, column 13: not JSON: Extra data."),
        ('{"to": "a", "to": "b"}', "What stands after --params: 'to' is given twice."),
        ('[{"a": {"b": 1, "b": 2}}]', "What stands after --params: 'b' is given twice."),
        ('{"a": NaN}', "What stands after --params: NaN is not JSON."),
        ('{"a": -Infinity}', "What stands after --params: -Infinity is not JSON."),
        ("[]", "The parameters: the list of parameter sets is empty, so there is nothing to do."),
        ("[{}, 5]", "The parameters: item 2 of the list is a number; a parameter set is a JSON object."),
        ("[null]", "The parameters: item 1 of the list is null; a parameter set is a JSON object."),
        ("[[{}]]", "The parameters: item 1 of the list is a list; a parameter set is a JSON object."),
        ("[" * 100_000, "What stands after --params: nested more than 50 deep."),
        ('{"a": ' * 60 + "1" + "}" * 60, "What stands after --params: nested more than 50 deep."),
        ("", "'' is neither a JSON file, nor -, nor a JSON object or list of objects."),
        ("x" * 5000, f"'{'x' * 199} is neither a JSON file, nor -, nor a JSON object or list of objects."),
        ("a\0b", "'a\\x00b' is neither a JSON file, nor -, nor a JSON object or list of objects."),
    ],
)
def test_bad_json_says_what_is_wrong_and_where(text: str, said: str) -> None:
    assert refused(text) == said


def test_a_number_with_thousands_of_digits_is_refused() -> None:
    assert "What stands after --params: " in refused('{"a": ' + "9" * 10_000 + "}")


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe{\x00}\x00", b'"text"', b"null"])
def test_a_bad_file_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "params.json"
    path.write_bytes(content)
    assert str(path) in refused(str(path))


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    assert refused(str(tmp_path)).endswith("is a folder; a JSON file is expected.")


def test_something_endless_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inputs, "MAX_JSON", 1024 * 1024)
    assert refused("/dev/zero") == "/dev/zero is larger than 1 MiB."


def test_values_keep_their_types() -> None:
    value: dict[str, Any] = {"a": [1, 2.5, True, None, {"b": "📧 \ud800"}]}
    assert inputs.parameter_sets(json.dumps(value)) == [value]


def test_an_asset_is_a_file_or_a_stored_name(tmp_path: Path) -> None:
    home = Home(tmp_path / "data")
    home.assets.add("prod", {"server": "stored"})
    (tmp_path / "asset.json").write_text('{"server": "in the file"}')
    assert inputs.asset(str(tmp_path / "asset.json"), home).config == {"server": "in the file"}
    stored = inputs.asset("prod", home)
    assert (stored.id, stored.name, stored.config) == ("1", "prod", {"server": "stored"})


def test_an_asset_on_the_command_line_is_refused_without_being_shown(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        inputs.asset('{"password": "canary"}', Home(tmp_path))
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize("source", ["prod", "prod.json", "./prod", "a\0b", "x" * 5000])
def test_an_asset_that_is_nowhere_is_named_and_nothing_is_made(tmp_path: Path, source: str) -> None:
    with pytest.raises(InputError, match=r"There is no (file|stored asset) "):
        inputs.asset(source, Home(tmp_path / "data"))
    assert list(tmp_path.iterdir()) == []


def test_an_asset_does_not_print_its_secrets(tmp_path: Path) -> None:
    (tmp_path / "asset.json").write_text('{"password": "canary"}')
    assert "canary" not in repr(inputs.asset(str(tmp_path / "asset.json"), Home(tmp_path)))


@pytest.mark.parametrize("text", ["../x", "1 2", "\n", "x" * 65, "\ud800"])
def test_a_container_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="is not a container's id"):
        inputs.container_id(text)


def test_containers_are_numbers_or_names() -> None:
    assert [inputs.container_id(text) for text in ("", "0", "4711", "case-5")] == ["", "0", "4711", "case-5"]
