"""Completion for bash, zsh and fish: the shell asks the program, which knows its commands, assets and actions."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator, Sequence
from types import MappingProxyType

from host.local.files import StoreError
from host.local.home import Home
from host.local.pages import pages
from host.manifest.model import Manifest

SCRIPTS = MappingProxyType(
    {
        "bash": """\
# smtp-connector completion bash > /etc/bash_completion.d/smtp-connector
_smtp_connector() {
    local IFS=$'\\n'
    COMPREPLY=($(smtp-connector completion --words "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
}
complete -o default -F _smtp_connector smtp-connector
""",
        "zsh": """\
#compdef smtp-connector
# smtp-connector completion zsh > a folder of $fpath, as _smtp-connector
_smtp_connector() {
    local -a found
    found=(${(f)"$(smtp-connector completion --words "${(@)words[2,CURRENT]}" 2>/dev/null)"})
    if (( $#found )); then compadd -a found; else _files; fi
}
compdef _smtp_connector smtp-connector
""",
        "fish": """\
# smtp-connector completion fish > ~/.config/fish/completions/smtp-connector.fish
function __smtp_connector
    set -l given (commandline -opc)
    set -l current (commandline -ct)
    smtp-connector completion --words $given[2..-1] "$current" 2>/dev/null
end
complete -c smtp-connector -a '(__smtp_connector)'
""",
    }
)


def candidates(
    root: argparse.ArgumentParser, words: Sequence[str], manifest: Manifest, home: Home
) -> Iterator[str]:
    """What the last of `words` may become; nothing where a file's name, or free text, is due."""
    *given, current = words or [""]
    parser, option, places = root, None, 0
    for word in given:
        if option is not None:
            option = None
        elif word.startswith("-"):
            option = _option(parser, word)
        elif (below := _commands(parser)) and word in below:
            parser, places = below[word], 0
        else:
            places += 1
    found: Iterable[str]
    if option is not None:
        found = _values(option, manifest, home)
    elif current.startswith("-"):
        found = (name for action in parser._actions for name in action.option_strings)
    elif below := _commands(parser):
        found = below
    else:
        positional = [action for action in parser._actions if not action.option_strings]
        found = _values(positional[places], manifest, home) if places < len(positional) else ()
    return (text for text in found if text.startswith(current))


def _commands(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """Its sub-commands; argparse has no public way to ask."""
    groups = (action for action in parser._actions if isinstance(action, argparse._SubParsersAction))
    return {name: below for group in groups for name, below in group.choices.items()}


def _option(parser: argparse.ArgumentParser, word: str) -> argparse.Action | None:
    """The option of that name if a value has to follow it."""
    action = next((one for one in parser._actions if word in one.option_strings), None)
    return action if action is not None and action.nargs != 0 else None


def _values(action: argparse.Action, manifest: Manifest, home: Home) -> Iterable[str]:
    if action.choices is not None:
        return [str(choice) for choice in action.choices]
    if action.metavar in ("ASSET", "NAME"):
        return _assets(home)
    if action.metavar == "ACTION":
        return [one.identifier for one in manifest.actions]
    if action.metavar == "CODE":
        return [page.name for page in pages()]
    return ()


def _assets(home: Home) -> list[str]:
    try:
        return [entry.name for entry in home.assets.list()] if home.exists else []
    except StoreError:
        return []  # the command itself says what is wrong
