"""The tools, made from the manifest: an action that is added there becomes a tool, without a line here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mcp.types import Tool, ToolAnnotations

from actions.contract import KEY
from host.manifest.model import Action, Manifest
from host.manifest.schema import object_schema

NOT_FOR_AGENTS = frozenset({"from", "headers", "envelope_sender", "organizer", "raw_email"})
"""Parameters by which a mail could say that it is somebody else's, or anything at all."""
WHOLLY_RAW = frozenset({"raw_email"})
"""An action that needs one of these is no tool."""
REASON = "reason"
LIST_RUNS, SHOW_RUN = "list_runs", "show_run"
LONGEST_REASON = 1000
_SOME_TEXT: Mapping[str, Any] = {"type": "string", "minLength": 1}


def offered(manifest: Manifest) -> tuple[Action, ...]:
    """The actions that are tools: those that write or look at a mail whose parts are known."""
    return tuple(
        action
        for action in manifest.actions
        if action.parameters
        and not WHOLLY_RAW & {name for name, one in action.parameters.items() if one.required}
    )


def tools(manifest: Manifest, assets: Sequence[str]) -> list[Tool]:
    """All of them. With no `assets` each names its asset, with several one of them, with one it is that one."""
    found = [_tool(action, assets) for action in offered(manifest)]
    number = {"type": "integer", "minimum": 1}
    runs = "The latest action runs: number, action, asset, state, message."
    run = "One action run with its result: what became of each mail and each recipient."
    return [
        *found,
        _reader(LIST_RUNS, runs, {"limit": {**number, "maximum": 100}}, []),
        _reader(SHOW_RUN, run, {"run": number}, ["run"]),
    ]


def _tool(action: Action, assets: Sequence[str]) -> Tool:
    allowed = {name: one for name, one in action.parameters.items() if name not in NOT_FOR_AGENTS}
    schema = object_schema(allowed)
    del schema["$schema"]
    for name, declared in allowed.items():
        # The rule says what is allowed; the manifest what it is for.
        schema["properties"][name] = {**schema["properties"][name], "description": declared.description}
    if not action.read_only:
        schema["properties"] |= {
            KEY: {**_SOME_TEXT, "description": "A key of this mail's own: asked for twice, it is sent once"},
            REASON: {
                **_SOME_TEXT,
                "maxLength": LONGEST_REASON,
                "description": "Why it has to be sent; a person reads it",
            },
        }
        schema["required"] = sorted({*schema["required"], KEY, REASON})
    if len(assets) != 1:
        choice: dict[str, Any] = {"type": "string", "description": "Name of the asset to send over"}
        schema["properties"]["asset"] = {**choice, "enum": list(assets)} if assets else choice
        schema["required"] = ["asset", *schema["required"]]
    told = f"{action.description}."
    if not action.read_only:
        told += " A person has to agree first; then ask again with the same arguments."
    annotations = ToolAnnotations(
        title=action.name,
        read_only_hint=action.read_only,
        destructive_hint=not action.read_only,
        idempotent_hint=True,
        open_world_hint=not action.read_only,
    )
    return Tool(name=action.identifier, description=told, input_schema=schema, annotations=annotations)


def _reader(name: str, told: str, properties: Mapping[str, Any], required: Sequence[str]) -> Tool:
    schema = {
        "type": "object",
        "properties": dict(properties),
        "required": list(required),
        "additionalProperties": False,
    }
    annotations = ToolAnnotations(read_only_hint=True, destructive_hint=False, open_world_hint=False)
    return Tool(name=name, description=told, input_schema=schema, annotations=annotations)
