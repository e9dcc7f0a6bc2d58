"""The manifest and the providers as Markdown tables, for the documentation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from auth.providers.profiles import Profile
from host.manifest.model import Action, Field, Manifest


def asset_table(manifest: Manifest) -> str:
    """The asset's fields."""
    return _table(("Field", "Required", "Type", "Default", "Description"), _rows(manifest.configuration))


def action_sections(manifest: Manifest) -> str:
    """For each action what it does, its parameters, and the data paths of its results."""
    return "\n\n".join(_section(action) for action in manifest.actions)


def provider_table(profiles: Iterable[Profile]) -> str:
    """Each provider with its server, its logins and what else there is to know."""
    rows = [
        (
            f"[{profile.name}]({profile.sources[0].url})",
            f"`{profile.server}:{profile.port}` {profile.ssl_config}",
            ", ".join(profile.logins),
            " ".join(filter(None, (_limits(profile), profile.notes))),
        )
        for profile in profiles
    ]
    return _table(("Provider", "Server", "Login", "To know"), rows)


def _limits(profile: Profile) -> str:
    limits = profile.limits
    megabytes = limits.message_octets and limits.message_octets // (1024 * 1024)
    parts = [
        f"{limits.max_connections} connections" if limits.max_connections else "",
        f"{limits.messages_per_minute} messages a minute" if limits.messages_per_minute else "",
        f"{limits.recipients_per_day:,} recipients a day" if limits.recipients_per_day else "",
        f"{limits.recipients_per_message} recipients a message" if limits.recipients_per_message else "",
        f"{megabytes} MB" if megabytes else "",
    ]
    text = ", ".join(filter(None, parts))
    return f"{text}." if text else ""


def _section(action: Action) -> str:
    parts = [f"### {action.name}", f"{action.description}."]
    if action.parameters:
        parts.append(
            _table(("Parameter", "Required", "Type", "Default", "Description"), _rows(action.parameters))
        )
    if action.output:
        rows = [
            (f"`{output.data_path}`", output.data_type, ", ".join(output.contains))
            for output in action.output
        ]
        parts.append(_table(("Data path", "Type", "Contains"), rows))
    return "\n\n".join(parts)


def _rows(fields: Mapping[str, Field]) -> Iterable[Sequence[str]]:
    for field in fields.values():
        allowed = f" ({', '.join(field.value_list)})" if field.value_list else ""
        default = "" if field.default is None else str(field.default)
        required = "required" if field.required else "optional"
        yield f"`{field.name}`", required, field.data_type, default, f"{field.description}{allowed}"


def _table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [titles, ["---"] * len(titles), *rows]
    return "\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines)


def _cell(text: str) -> str:
    """What Markdown would take for markup or for the end of a cell is escaped; code stays code."""
    if text.startswith("`"):
        return text
    return text.replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")
