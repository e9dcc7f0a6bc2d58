"""The command line: JSON on standard output, the rest on standard error, and exit codes that mean something."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from actions.contract import Context, Report
from delivery.pool import Pool
from delivery.transport import Transport
from doors.cli.command_line import main
from doors.cli.terminal import PROGRAM
from host.local.home import HOME_VARIABLE, Home
from tests.support.actions import install

ASSET = {"server": "mail.example.com", "username": "soc@example.com", "password": "canary"}


def echo(values: Mapping[str, Any], context: Context, transport: Transport) -> Report:
    """Does what its parameters say: a body "fail" fails."""
    context.progress(f"working on {values.get('to')}")
    data = {"server": context.asset.server, "container": context.container_id}
    return Report(values.get("body") != "fail", f"done: {values.get('body')}", [data])


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "asset.json").write_text(json.dumps(ASSET))
    (tmp_path / "asset.json").chmod(0o600)
    for action in ("send_email", "send_htmlemail", "test_connectivity"):
        install(monkeypatch, action, echo)
    return tmp_path


class Call:
    """One call, and what came of it."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code = code
        self.out = out
        self.err = err

    @property
    def result(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Any:
    def run(*argv: str) -> Call:
        code = main(argv, Pool())
        return Call(code, *capsys.readouterr())

    return run


def params(*sets: dict[str, Any]) -> str:
    return json.dumps(sets)


GOOD = {"to": "jane@example.com", "body": "good"}
BAD = {"to": "jane@example.com", "body": "fail"}


def test_a_run_prints_its_result_and_tells_the_rest_on_standard_error(call: Any) -> None:
    done = call("run", "send email", "--asset", "asset.json", "--params", json.dumps(GOOD))
    assert done.code == 0
    assert done.result["status"] == "success"
    assert done.result["message"] == "done: good"
    assert done.result["result_summary"] == {"total_objects": 1, "total_objects_successful": 1}
    assert done.result["result_data"][0]["parameter"] == GOOD
    assert done.err == "working on jane@example.com\n"


@pytest.mark.parametrize("name", ["send email", "send_email", "Send Email", "SEND_EMAIL"])
def test_an_action_goes_by_its_name_or_identifier(call: Any, name: str) -> None:
    assert (
        call("run", name, "--asset", "asset.json", "--params", params(GOOD)).result["identifier"]
        == "send_email"
    )


@pytest.mark.parametrize(("sets", "code"), [((GOOD, GOOD), 0), ((GOOD, BAD), 1), ((BAD,), 1)])
def test_the_exit_code_is_0_only_if_all_succeeded(call: Any, sets: Any, code: int) -> None:
    done = call("run", "send email", "--asset", "asset.json", "--params", params(*sets))
    assert done.code == code
    assert len(done.result["result_data"]) == len(sets)


def test_parameters_may_come_from_a_file(call: Any, folder: Path) -> None:
    (folder / "params.json").write_text(json.dumps([GOOD, GOOD]))
    done = call("run", "send email", "--asset", "asset.json", "--params", "params.json")
    assert done.result["result_summary"]["total_objects"] == 2


def test_the_container_reaches_the_connector(call: Any) -> None:
    done = call("run", "send email", "--asset", "asset.json", "--params", params(GOOD), "--container", "7")
    assert done.result["result_data"][0]["data"][0]["container"] == "7"


def test_test_connectivity_needs_no_parameters(call: Any) -> None:
    assert call("run", "test connectivity", "--asset", "asset.json").code == 0


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        ((), "the following arguments are required: COMMAND"),
        (("sned",), "invalid choice: 'sned'"),
        (("run",), "the following arguments are required: ACTION, --asset"),
        (("run", "send email"), "the following arguments are required: --asset"),
        (("run", "send email", "--asset", "asset.json"), '"send email" needs --params'),
        (
            ("run", "send mail", "--asset", "asset.json"),
            "There is no action 'send mail'. Did you mean 'send email'?",
        ),
        (("run", "send email", "--asset", "none.json", "--params", "{}"), "There is no file 'none.json'"),
        (("run", "send email", "--asset", "prod", "--params", "{}"), "There is no stored asset"),
        (("run", "send email", "--asset", "asset.json", "--params", "none.json"), "is neither a JSON file"),
        (("run", "send email", "--asset", "asset.json", "--params", "[]"), "list of parameter sets is empty"),
        (("run", "send email", "--asset", "asset.json", "--params", "{"), "line 1, column 2"),
        (
            ("run", "send email", "--asset", "asset.json", "--params", "{}", "--container", "a b"),
            "container's id",
        ),
        (
            ("run", "send email", "--asset", "asset.json", "--password", "x"),
            f"unrecognized arguments: --password ({PROGRAM} run --help explains)",
        ),
        (
            ("asset", "show", "prod", "--all"),
            f"unrecognized arguments: --all ({PROGRAM} asset show --help explains)",
        ),
        (("asset", "show", "none"), "There is no asset 'none'. Stored are: none."),
        (("asset", "remove", "none"), "There is no asset 'none'"),
        (("asset", "test", "none"), "There is no asset 'none'"),
        (
            ("asset", "add", "x", "--config", "none.json"),
            "'none.json' can't be read: No such file or directory.",
        ),
        (("vault", "add", "none.txt"), "'none.txt' can't be used: No such file or directory."),
        (("vault", "add", "."), "'.' is a folder"),
        (("vault", "show", "../x"), "'../x' is not a vault id"),
        (("runs", "show", "5"), "There is no recorded run 5."),
        (("runs", "show", "x"), "'x' is not a whole number"),
        (("TEST.json",), "'TEST.json' can't be read"),
    ],
)
def test_a_wrong_call_gets_one_line_and_exit_code_2(call: Any, argv: tuple[str, ...], said: str) -> None:
    done = call(*argv)
    assert done.code == 2
    assert done.out == ""
    assert said in done.err
    assert done.err.startswith(f"{PROGRAM}: ")
    assert done.err.count("\n") == 1


@pytest.mark.parametrize(
    ("asset", "said"),
    [
        ('{"port": 70000}', "server: missing, and it is required; port: 70000 is not allowed"),
        ('{"server": "x", "ssl_config": "TLS"}', "give None, SSL or StartTLS"),
        ('{"server": "x", "password": ["canary"]}', "the value (not shown)"),
        ("[]", "asset.json holds a list; a JSON object is expected."),
        ('{"server": "x"', "asset.json, line 1, column 15: not JSON"),
    ],
)
def test_a_bad_asset_gets_one_line_and_exit_code_2(call: Any, folder: Path, asset: str, said: str) -> None:
    (folder / "asset.json").write_text(asset)
    for argv in (
        ("run", "send email", "--asset", "asset.json", "--params", "{}"),
        ("asset", "add", "prod", "--config", "asset.json"),
    ):
        done = call(*argv)
        assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
        assert said in done.err
        assert "canary" not in done.err
    assert call("asset", "list").result == []


def test_an_asset_is_kept_shown_without_secrets_and_removed(call: Any, folder: Path) -> None:
    assert call("asset", "add", "prod", "--config", "asset.json").result == {"id": "1", "name": "prod"}
    assert [entry["name"] for entry in call("asset", "list").result] == ["prod"]
    shown = call("asset", "show", "prod")
    assert shown.result["config"] == {**ASSET, "password": "********"}
    assert "canary" not in shown.out
    Home().state("1").save({"token": "x"})
    assert call("asset", "remove", "prod").code == 0
    assert Home().state("1").load() == {}
    assert call("asset", "show", "prod").code == 2


def test_a_secret_under_a_misspelt_name_is_not_shown_either(call: Any, folder: Path) -> None:
    secrets = dict.fromkeys(
        ("passwrod", "client_secret", "refresh_token", "client_key", "client_cert"), "canary"
    )
    (folder / "asset.json").write_text(json.dumps({"server": "x", **secrets}))
    added = call("asset", "add", "prod", "--config", "asset.json")
    assert "passwrod" in added.err
    assert "canary" not in call("asset", "show", "prod").out + added.out + added.err


def test_a_stored_asset_runs_by_its_name(call: Any) -> None:
    call("asset", "add", "prod", "--config", "asset.json")
    done = call("run", "send email", "--asset", "prod", "--params", params(GOOD))
    assert done.result["result_data"][0]["data"][0]["server"] == ASSET["server"]
    assert call("asset", "test", "prod").result["identifier"] == "test_connectivity"


def test_a_file_is_kept_in_the_vault(call: Any, folder: Path) -> None:
    (folder / "report.pdf").write_bytes(b"report")
    added = call("vault", "add", "report.pdf", "--container", "7").result
    assert added["vault_id"] == hashlib.sha1(b"report").hexdigest()
    assert (added["name"], added["size"], added["container_id"]) == ("report.pdf", 6, "7")
    assert [record["mime_type"] for record in call("vault", "list").result] == ["application/pdf"]
    shown = call("vault", "show", added["vault_id"]).result
    assert Path(shown["path"]).read_bytes() == b"report"


def test_runs_are_recorded_without_the_assets_fields(call: Any) -> None:
    call("asset", "add", "prod", "--config", "asset.json")
    call("run", "send email", "--asset", "prod", "--params", params(GOOD, BAD), "--container", "7")
    (entry,) = call("runs", "list").result
    assert (entry["action"], entry["asset"], entry["container_id"], entry["status"]) == (
        "send email",
        "prod",
        "7",
        "failed",
    )
    shown = call("runs", "show", str(entry["id"]))
    assert shown.result["parameters"] == [GOOD, BAD]
    assert shown.result["result"]["result_summary"] == {"total_objects": 2, "total_objects_successful": 1}
    assert "canary" not in shown.out


def test_a_run_that_cannot_be_recorded_is_not_begun(call: Any, folder: Path) -> None:
    (folder / "data").write_text("a file where the data folder should be")
    done = call("run", "send email", "--asset", "asset.json", "--params", params(GOOD))
    assert (done.code, done.out) == (2, "")
    assert f"The data folder {folder / 'data'} can't be made: File exists." in done.err


def test_soars_test_file_is_run(call: Any, folder: Path) -> None:
    given = {
        "identifier": "send_email",
        "config": {**ASSET, "app_version": "1.0.0"},
        "parameters": [GOOD, GOOD],
    }
    (folder / "TEST.json").write_text(json.dumps(given))
    done = call("TEST.json")
    assert (done.code, done.result["result_summary"]["total_objects"]) == (0, 2)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"config": ASSET}, "names no action, so it is no test file"),
        ({"identifier": "x", "config": ASSET}, "There is no action 'x'"),
        ({"identifier": "send_email"}, "TEST.json: config has to be an object"),
        ({"identifier": "send_email", "config": {}}, "server: missing"),
        (
            {"identifier": "send_email", "config": ASSET, "parameters": []},
            "the list of parameter sets is empty",
        ),
    ],
)
def test_a_bad_test_file_gets_one_line_and_exit_code_2(
    call: Any, folder: Path, given: Any, said: str
) -> None:
    (folder / "TEST.json").write_text(json.dumps(given))
    done = call("TEST.json")
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert said in done.err


def test_help_explains_commands_actions_and_parameters(call: Any) -> None:
    for argv, words in (
        (("--help",), ("run", "asset", "vault", "runs", "demo", "examples:", "exit codes")),
        (("run", "--help"), ("send email", "html_body*", "raw_email*", "test connectivity")),
        (("run", "send_htmlemail", "--help"), ("html_body (string, required)", "content_id5", "example:")),
        (("run", "test connectivity", "-h"), ("takes no parameters",)),
        (("asset", "--help"), ("add", "list", "show", "remove", "test")),
    ):
        done = call(*argv)
        assert (done.code, done.err) == (0, "")
        assert [word for word in words if word not in done.out] == []


def test_what_a_server_says_cannot_act_upon_the_terminal(call: Any) -> None:
    done = call(
        "run",
        "send email",
        "--asset",
        "asset.json",
        "--params",
        params({"to": "\x1b[2J\u202e\n\x07", "body": "x"}),
    )
    assert done.err == "working on \\x1b[2J\\u202e\\n\\x07\n"
    assert done.out.isascii()
    assert "\x1b" not in done.out


def test_what_is_printed_may_be_kept_in_memory() -> None:
    with contextlib.redirect_stdout(io.StringIO()) as kept:
        assert main(["--help"], Pool()) == 0
    assert kept.getvalue().startswith(f"usage: {PROGRAM}")


def test_an_asset_file_that_others_can_read_is_told(call: Any, folder: Path) -> None:
    (folder / "asset.json").chmod(0o644)
    done = call("run", "send email", "--asset", "asset.json", "--params", json.dumps(GOOD))
    assert done.code == 0
    assert "asset.json holds a secret, and others can read it: chmod 600 asset.json\n" in done.err
