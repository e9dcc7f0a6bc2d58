"""The command line: `run`, `send`, `asset` and the others that `doors.cli.arguments` has, and `TEST.json`.

The result goes to standard output, readable at a terminal and as one JSON document elsewhere; everything else goes
to standard error. Exit codes: `doors.cli.results`, and 2 when the call or a configuration is wrong, which one line
explains.
"""

from __future__ import annotations

import signal
from argparse import Namespace
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from actions.contract import VaultError
from delivery.pool import Pool
from doors.cli import usage
from doors.cli.arguments import action_asked_about, parser
from doors.cli.results import NOT_SENT, SENT, UNKNOWN, WRONG_CALL, Document, exit_code
from doors.cli.terminal import PROGRAM, OutputError, Terminal, Transcripts
from host.local import inputs
from host.local.environment import environment
from host.local.files import StoreError
from host.local.home import Home
from host.local.inputs import GivenAsset, InputError
from host.local.run import LocalRun, Request, first_signal, make_request
from host.manifest.model import Action, Manifest, UnknownAction, load
from host.unforeseen import unforeseen

if TYPE_CHECKING:
    from doors.cli.send import Mail

SUCCEEDED, FAILED = SENT, NOT_SENT


def main(argv: Sequence[str], pool: Pool) -> int:
    """Do what the command line says; returns the exit code. `pool` lends the sessions of its runs."""
    terminal = Terminal()
    command_line = CommandLine(pool, terminal)
    try:
        return command_line.run(argv)
    except (InputError, UnknownAction, StoreError, VaultError) as error:
        terminal.fail(str(error))
        return WRONG_CALL
    except OutputError as error:
        terminal.fail(f"{error}{command_line.what_was_sent}")
        return UNKNOWN if command_line.may_have_sent else FAILED
    except SystemExit:
        return SUCCEEDED  # argparse has printed the help that was asked for
    except KeyboardInterrupt:
        # Not during an action run, which turns an interruption into a result.
        terminal.fail("Interrupted.")
        return FAILED
    except Exception as error:  # noqa: BLE001 - whatever it is, a traceback helps no user
        terminal.fail(unforeseen(error))
        return command_line.code_if_broken_off


class CommandLine:
    """One call of the program."""

    def __init__(self, pool: Pool, terminal: Terminal) -> None:
        self._pool = pool
        self._terminal = terminal
        self._run: LocalRun | None = None
        self._result: Document | None = None

    @cached_property
    def _manifest(self) -> Manifest:
        return load()

    @cached_property
    def _home(self) -> Home:
        return Home()

    @property
    def code_if_broken_off(self) -> int:
        """The exit code where something went wrong that nobody foresaw: what is known of the run counts."""
        if self._result is not None:
            return exit_code(self._result)
        return UNKNOWN if self.may_have_sent else WRONG_CALL

    @property
    def may_have_sent(self) -> bool:
        """Whether a mail of this call was sent, or may have been."""
        return self._run is not None and self._run.may_have_sent

    @property
    def what_was_sent(self) -> str:
        """A sentence about that, for whoever could not be given the result."""
        if self._result is None or not self.may_have_sent:
            return ""
        return f" Do not simply repeat the call: {self._result['message']}"

    def run(self, argv: Sequence[str]) -> int:
        """Returns the exit code. Raises what `main` turns into a line."""
        if len(argv) == 1 and argv[0].lower().endswith(".json"):
            return self._test_file(Path(argv[0]))
        if name := action_asked_about(argv):
            self._terminal.print_text(usage.one_action(self._manifest.action(name)))
            return SUCCEEDED
        if list(argv[:2]) == ["completion", "--words"]:
            return self._complete(argv[2:])
        if list(argv) == ["--version"]:
            self._terminal.print_text(f"{PROGRAM} {self._manifest.version}")
            return SUCCEEDED
        arguments = parser(self._manifest, argv).parse_args(argv)
        self._terminal.log_as_json = getattr(arguments, "log_format", "text") == "json"
        if arguments.command == "run":
            return self._run_action(arguments)
        if arguments.command == "send":
            return self._preview(arguments) if arguments.dry_run else self._send(arguments)
        if arguments.command == "preview":
            return self._preview(arguments)
        if arguments.command == "relay":
            return self._relay(arguments)
        if arguments.command in ("submit", "worker"):
            return self._durable(arguments)
        if arguments.command == "demo":
            from doors.demo.demo import demo

            return demo(self._pool)
        if arguments.command == "dapr":
            return self._serve_dapr(arguments)
        if arguments.command == "mcp":
            from doors.cli.console import agents

            return agents(arguments, self._pool)
        if arguments.command in ("serve", "token"):
            from doors.cli.console import console

            return console(arguments, self._pool, self._terminal)

        if arguments.command in ("backup", "restore"):
            return self._back_up(arguments)
        if arguments.command == "completion":
            from doors.cli.completion import SCRIPTS

            self._terminal.print_text(SCRIPTS[arguments.shell].rstrip())
            return SUCCEEDED
        if arguments.command == "explain":
            from doors.cli.explain import explain

            explain(arguments.code, self._terminal)
            return SUCCEEDED
        if (arguments.command, arguments.subcommand) == ("asset", "test"):
            return self._test_asset(arguments)
        return self._stored(arguments)

    def _run_action(self, arguments: Namespace) -> int:
        action = self._manifest.action(arguments.action)
        if arguments.asset == arguments.params == "-":
            raise InputError("Standard input can hold the asset or the parameters, not both.")
        asset = inputs.asset(arguments.asset, self._home)
        parameters = _parameters(action, arguments.params)
        container_id = inputs.container_id(arguments.container)
        request = make_request(action, asset, parameters, container_id, self._manifest)
        return self._perform(request, arguments)

    def _mail(self, arguments: Namespace) -> Mail:
        from doors.cli.send import Mail

        mail = Mail(arguments, self._manifest)
        if mail.is_empty:
            self._terminal.warn("The mail has no text.")
        return mail

    def _send(self, arguments: Namespace) -> int:
        mail = self._mail(arguments)
        asset = mail.over(inputs.asset(arguments.asset, self._home))
        with mail.files_in(self._home.vault) as parameters:
            request = make_request(mail.action, asset, [parameters], "", self._manifest)
            return self._perform(request, arguments)

    def _relay(self, arguments: Namespace) -> int:
        try:
            from doors.relay.command import make_account, relay
        except ModuleNotFoundError as error:
            raise InputError(_extra_missing("relay", error)) from error
        if arguments.make_account:
            self._terminal.print_text(make_account(arguments.make_account))
            return SUCCEEDED
        return relay(arguments, self._terminal, self._pool)

    def _serve_dapr(self, arguments: Namespace) -> int:
        try:
            from doors.dapr.serve import Wanted, serve

            wanted = Wanted(
                resources=arguments.resources and Path(arguments.resources),
                secrets=arguments.secrets and Path(arguments.secrets),
                socket=arguments.socket,
                http=arguments.http,
                grpc=arguments.grpc,
                max_body=arguments.max_body_size,
            )
            serve(wanted, self._home, self._pool, self._terminal.say)
        except ModuleNotFoundError as error:
            raise InputError(_extra_missing("dapr", error)) from error
        return SUCCEEDED

    def _preview(self, arguments: Namespace) -> int:
        """What `send` would send; nothing is connected."""
        from doors.cli.preview import Preview

        mail = self._mail(arguments)
        asset = mail.over(inputs.asset(arguments.asset, self._home))
        action = self._manifest.action("preview email")
        with mail.files_in(self._home.vault) as parameters:
            request = make_request(action, asset, [parameters], "", self._manifest)
            if arguments.command == "send" or arguments.json:
                return self._perform(request, arguments)
            preview = Preview(arguments.show, self._home, self._terminal)
            return self._perform(request, arguments, preview.print)

    def _durable(self, arguments: Namespace) -> int:
        from doors.cli import durable_commands

        if arguments.command == "submit":
            return durable_commands.submit(arguments, self._manifest, self._home, self._pool, self._terminal)
        return durable_commands.work(arguments, self._home, self._pool, self._terminal)

    def _test_asset(self, arguments: Namespace) -> int:
        action = self._manifest.action("test connectivity")
        asset = inputs.stored_asset(arguments.name, self._home)
        return self._perform(make_request(action, asset, [{}], "", self._manifest), arguments)

    def _test_file(self, path: Path) -> int:
        """SOAR's test convention: a file that holds the platform's input, asset fields and all."""
        given = inputs.json_object(path)
        named = given.get("identifier") or given.get("action")
        if not named:
            raise InputError(f"{path} names no action, so it is no test file: identifier is missing.")
        action = self._manifest.action(str(named))
        config = given.get("config")
        if not isinstance(config, dict):
            raise InputError(f"{path}: config has to be an object with the fields of the asset.")
        asset = GivenAsset(str(given.get("asset_id") or ""), "", f"in {path}", config)
        parameters = inputs.as_parameter_sets(given.get("parameters", {}), f"{path}, parameters")
        container_id = inputs.container_id(str(given.get("container_id") or ""))
        request = make_request(action, asset, parameters, container_id, self._manifest)
        with environment(given.get("environment_variables")):
            return self._perform(
                request, Namespace(json=True, quiet=False, transcript=False, log_format="text")
            )

    def _perform(
        self, request: Request, shown: Namespace, tell: Callable[[Document], None] | None = None
    ) -> int:
        """Run it, and show its result: as every other one is, or by `tell`."""
        self._run = None

        def pass_over(number: int) -> None:
            """Once mail may have been sent its result is told first. During the run it is asked to stop."""
            if self._run is None or not self._run.has_begun or self._run.is_cancelled:
                signal.raise_signal(number)

        with first_signal(pass_over):
            with self._terminal.watching(len(request.parameters), quiet=shown.quiet) as watcher:
                transcripts = Transcripts(watcher)
                seen_by = transcripts if shown.transcript else watcher
                self._run = LocalRun(request, self._home, seen_by, self._pool)
                result = self._result = self._run.perform()
            for text in transcripts.texts:
                self._terminal.say_lines(text)
            if tell is None:
                self._terminal.show(result, as_json=shown.json)
            else:
                tell(result)
        return exit_code(result)

    def _back_up(self, arguments: Namespace) -> int:
        from dataclasses import asdict

        from host.local.backup import back_up, restore

        file, folder = Path(arguments.file), self._home.folder
        done = back_up(folder, file) if arguments.command == "backup" else restore(file, folder)
        if done.key:
            self._terminal.warn(f"The key of the data folder is not in it: keep {done.key} apart from it.")
        elif arguments.command == "backup":
            self._terminal.warn(f"It holds the key: whoever has {done.file} can read the secrets in it.")
        self._terminal.print_json(asdict(done))
        return SUCCEEDED

    def _complete(self, words: Sequence[str]) -> int:
        from doors.cli.completion import candidates

        for text in candidates(parser(self._manifest, []), words, self._manifest, self._home):
            self._terminal.print_text(text)
        return SUCCEEDED

    def _stored(self, arguments: Namespace) -> int:
        from doors.cli.store_commands import StoreCommands

        commands = StoreCommands(self._home, self._manifest, self._terminal)
        if (arguments.command, arguments.subcommand) == ("runs", "export"):
            for line in commands.export(arguments):
                self._terminal.print_text(line)
        else:
            self._terminal.print_json(commands.do(arguments))
        return SUCCEEDED


def _extra_missing(name: str, error: ModuleNotFoundError) -> str:
    return f"The Python module {error.name} is missing: pip install 'smtp-connector[{name}]' installs it."


def _parameters(action: Action, source: str | None) -> Sequence[Mapping[str, Any]]:
    if source is not None:
        return inputs.parameter_sets(source)
    if action.parameters:
        raise InputError(
            f'"{action.name}" needs --params: a JSON file, - for standard input, or JSON itself.'
        )
    return [{}]
