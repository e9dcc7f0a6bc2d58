"""The manifest as Markdown tables, for the documentation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from host.manifest.model import Action, Field, Manifest


def asset_table(manifest: Manifest) -> str:
    """The asset's fields."""
    return _table(("Field", "Required", "Type", "Default", "Description"), _rows(manifest.configuration))


def action_sections(manifest: Manifest) -> str:
    """For each action what it does, its parameters, and the data paths of its results."""
    return "\n\n".join(_section(action) for action in manifest.actions)


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
