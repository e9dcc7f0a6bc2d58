"""The command line's help, as far as it comes from the manifest."""

from __future__ import annotations

from doors.cli.terminal import PROGRAM
from host.manifest.model import Action, Field, Manifest

WIDTH = 100
EXAMPLES = f"""\
examples:
  # asset.json: {{"server": "mail.example.com", "username": "soc@example.com", "password": "…"}}
  {PROGRAM} run "test connectivity" --asset asset.json
  {PROGRAM} send --asset asset.json --to jane@example.com --subject Hello --body "It works."
  {PROGRAM} run "send email" --asset asset.json \\
      --params '{{"to": "jane@example.com", "subject": "Hello", "body": "It works."}}'

  # keep an asset (encrypted) and a file, and use them by name and id
  {PROGRAM} asset add me --email me@example.com --set password=@prompt
  {PROGRAM} asset add prod --config asset.json
  {PROGRAM} vault add report.pdf
  {PROGRAM} run "send email" --asset prod --params params.json

  # see everything at work, without a mail server of your own
  {PROGRAM} demo

exit codes: 0 all sent, 1 something was not sent, 2 the call or a configuration is wrong,
3 some recipients were refused, 4 nobody knows: look before you send again.
SMTP_CONNECTOR_HOME names the folder that assets, vault and recorded runs are kept in."""

ASSIGNMENTS = f"""\
a secret that lies elsewhere, and is read each time it is used:
  password=@env:NAME              an environment variable
  password=@file:PATH             a file
  password=@keyring:SERVICE/NAME  the desktop's keyring
a secret that is kept here, encrypted:
  password=@prompt                is asked for at the terminal, or read from standard input
FIELD= takes a field away. `{PROGRAM} explain configuration` lists the fields."""


def all_actions(manifest: Manifest) -> str:
    """Each action with what it takes in a line or two."""
    lines = ["actions (parameters with * are required):"]
    for action in manifest.actions:
        names = ", ".join(
            f"{name}{'*' if field.required else ''}" for name, field in action.parameters.items()
        )
        lines += [f'  "{action.name}"', *_wrapped(f"{action.description}.", "      ")]
        lines += _wrapped(f"Parameters: {names or 'none'}", "      ")
    lines.append('\n`run "send email" --help` explains the parameters of one action.')
    return "\n".join(lines)


def one_action(action: Action) -> str:
    """An action and each of its parameters, in words."""
    lines = [f"{action.name}: {action.description}", ""]
    if not action.parameters:
        lines.append("It takes no parameters, so --params can be left out.")
    for name, field in action.parameters.items():
        lines += [f"  {name} ({_traits(field)})", *_wrapped(field.description, "      ")]
    example = ", ".join(f'"{name}": "…"' for name, field in action.parameters.items() if field.required)
    params = f" --params '{{{example}}}'" if action.parameters else ""
    lines += ["", "example:", f'  {PROGRAM} run "{action.name}" --asset asset.json{params}']
    return "\n".join(lines)


def _traits(field: Field) -> str:
    traits = [field.data_type, "required" if field.required else "optional"]
    if field.value_list:
        traits.append(f"one of {', '.join(field.value_list)}")
    if field.default is not None:
        traits.append(f"default {field.default}")
    return ", ".join(traits)


def _wrapped(text: str, indent: str) -> list[str]:
    import textwrap  # only help is wrapped

    return textwrap.wrap(text, WIDTH, initial_indent=indent, subsequent_indent=indent)
