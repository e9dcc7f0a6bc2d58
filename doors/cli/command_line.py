"""The command line: `run`, `asset`, `vault`, `runs`, `demo`, and SOAR's own `TEST.json`.

The result is one JSON document on standard output, everything else goes to standard error. Exit codes: 0 when
all succeeded, 1 when anything failed, 2 when the call or a configuration is wrong, which one line explains.
"""

from __future__ import annotations

import signal
from argparse import Namespace
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from actions.contract import VaultError
from doors.cli import usage
from doors.cli.arguments import action_asked_about, parser
from doors.cli.terminal import OutputError, Terminal
from host.local import inputs, running
from host.local.files import StoreError
from host.local.home import Home
from host.local.inputs import GivenAsset, InputError
from host.local.running import Connector, Order
from host.local.signals import first_signal
from host.manifest.model import Action, UnknownAction, load

SUCCEEDED, FAILED, WRONG_CALL = 0, 1, 2


def main(argv: Sequence[str], connector_class: Callable[[], Connector]) -> int:
    """Do what the command line says; returns the exit code. `connector_class` is made anew for each run."""
    terminal = Terminal()
    try:
        return CommandLine(connector_class, terminal).run(argv)
    except (InputError, UnknownAction, StoreError, VaultError) as error:
        terminal.fail(str(error))
        return WRONG_CALL
    except OutputError as error:
        terminal.fail(str(error))
        return FAILED
    except SystemExit:
        return SUCCEEDED  # argparse has printed the help that was asked for
    except KeyboardInterrupt:
        # Not during an action run, which turns an interruption into a result.
        terminal.fail("Interrupted.")
        return FAILED


class CommandLine:
    """One call of the program."""

    def __init__(self, connector_class: Callable[[], Connector], terminal: Terminal) -> None:
        self._connector_class = connector_class
        self._terminal = terminal
        self._manifest = load()
        self._home = Home()

    def run(self, argv: Sequence[str]) -> int:
        """Returns the exit code. Raises what `main` turns into a line."""
        if len(argv) == 1 and argv[0].lower().endswith(".json"):
            return self._test_file(Path(argv[0]))
        if name := action_asked_about(argv):
            self._terminal.print_text(usage.one_action(self._manifest.action(name)))
            return SUCCEEDED
        arguments = parser(self._manifest, argv).parse_args(argv)
        if arguments.command == "run":
            return self._run_action(arguments)
        if arguments.command == "demo":
            from doors.demo.demo import demo

            return demo(self._connector_class)
        if (arguments.command, arguments.subcommand) == ("asset", "test"):
            return self._test_asset(arguments.name)
        return self._stored(arguments)

    def _run_action(self, arguments: Namespace) -> int:
        action = self._manifest.action(arguments.action)
        order = Order(
            action,
            inputs.asset(arguments.asset, self._home),
            _parameters(action, arguments.params),
            inputs.container_id(arguments.container),
        )
        return self._perform(order)

    def _test_asset(self, name: str) -> int:
        action = self._manifest.action("test connectivity")
        return self._perform(Order(action, inputs.stored_asset(name, self._home), [{}]))

    def _test_file(self, path: Path) -> int:
        """SOAR's test convention: a file that holds the platform's input, asset fields and all."""
        given = inputs.json_object(path)
        action = self._manifest.action(str(given.get("identifier") or given.get("action") or ""))
        config = given.get("config")
        if not isinstance(config, dict):
            raise InputError(f"{path}: config has to be an object with the fields of the asset.")
        order = Order(
            action,
            GivenAsset(str(given.get("asset_id") or ""), "", f"in {path}", config),
            inputs.as_parameter_sets(given.get("parameters", {}), f"{path}, parameters"),
            inputs.container_id(str(given.get("container_id") or "")),
            given,
        )
        return self._perform(order)

    def _perform(self, order: Order) -> int:
        running.check_asset(order.asset, self._manifest)
        connector = self._connector_class()

        def pass_over(number: int) -> None:
            """Once mail may have been sent its result is told first. During the run the connector is asked to stop."""
            if not connector.has_begun or connector.is_action_cancelled():
                signal.raise_signal(number)

        with first_signal(pass_over):
            with self._terminal.watching(len(order.parameters)) as watcher:
                result = running.run(order, connector, self._home, watcher)
            self._terminal.print_json(result)
        return SUCCEEDED if running.succeeded(result) else FAILED

    def _stored(self, arguments: Namespace) -> int:
        from doors.cli.store_commands import StoreCommands

        commands = StoreCommands(self._home, self._manifest, self._terminal)
        self._terminal.print_json(commands.do(arguments))
        return SUCCEEDED


def _parameters(action: Action, source: str | None) -> Sequence[Mapping[str, Any]]:
    if source is not None:
        return inputs.parameter_sets(source)
    if action.parameters:
        raise InputError(
            f'"{action.name}" needs --params: a JSON file, - for standard input, or JSON itself.'
        )
    return [{}]
