"""The messages of Dapr's protocols that this door speaks, built when they are first needed.

From dapr/proto/components/v1/bindings.proto and common.proto, and dapr/proto/runtime/v1/dapr.proto, as much of them as
is used. They are in a pool of their own: a program that has Dapr's own messages loaded keeps them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

COMPONENTS = "dapr.proto.components.v1"
RUNTIME = "dapr.proto.runtime.v1"
OUTPUT_BINDING = f"{COMPONENTS}.OutputBinding"
DAPR = f"{RUNTIME}.Dapr"

_Field = descriptor_pb2.FieldDescriptorProto
_TYPES: Mapping[str, Any] = {
    "string": _Field.TYPE_STRING,
    "bytes": _Field.TYPE_BYTES,
}


@dataclass(frozen=True, slots=True)
class _F:
    """A field: `kind` is string, bytes, map (of strings to strings), or the name of a message."""

    name: str
    number: int
    kind: str
    repeated: bool = False


_METADATA = "MetadataRequest"
_BINDINGS: Mapping[str, tuple[_F, ...]] = {
    _METADATA: (_F("properties", 1, "map"),),
    "OutputBindingInitRequest": (_F("metadata", 1, _METADATA),),
    "OutputBindingInitResponse": (),
    "ListOperationsRequest": (),
    "ListOperationsResponse": (_F("operations", 1, "string", repeated=True),),
    "InvokeRequest": (_F("data", 1, "bytes"), _F("metadata", 2, "map"), _F("operation", 3, "string")),
    "InvokeResponse": (_F("data", 1, "bytes"), _F("metadata", 2, "map"), _F("content_type", 3, "string")),
    "PingRequest": (),
    "PingResponse": (),
}
_DAPR: Mapping[str, tuple[_F, ...]] = {
    "InvokeBindingRequest": (
        _F("name", 1, "string"),
        _F("data", 2, "bytes"),
        _F("metadata", 3, "map"),
        _F("operation", 4, "string"),
    ),
    "InvokeBindingResponse": (_F("data", 1, "bytes"), _F("metadata", 2, "map")),
    "RegisteredComponents": (
        _F("name", 1, "string"),
        _F("type", 2, "string"),
        _F("version", 3, "string"),
        _F("capabilities", 4, "string", repeated=True),
    ),
    "GetMetadataRequest": (),
    "GetMetadataResponse": (
        _F("id", 1, "string"),
        _F("registered_components", 3, "RegisteredComponents", repeated=True),
        _F("extended_metadata", 4, "map"),
        _F("runtime_version", 8, "string"),
    ),
}
METHODS: Mapping[str, Mapping[str, tuple[str, str]]] = {
    OUTPUT_BINDING: {
        "Init": ("OutputBindingInitRequest", "OutputBindingInitResponse"),
        "Invoke": ("InvokeRequest", "InvokeResponse"),
        "ListOperations": ("ListOperationsRequest", "ListOperationsResponse"),
        "Ping": ("PingRequest", "PingResponse"),
    },
    DAPR: {
        "InvokeBinding": ("InvokeBindingRequest", "InvokeBindingResponse"),
        "GetMetadata": ("GetMetadataRequest", "GetMetadataResponse"),
    },
}
"""The methods of each service: what they take and what they give."""


@cache
def pool() -> descriptor_pool.DescriptorPool:
    """Both protocols, as reflection tells of them too."""
    made = descriptor_pool.DescriptorPool()
    made.Add(_file("dapr/proto/components/v1/bindings.proto", OUTPUT_BINDING, _BINDINGS))
    made.Add(_file("dapr/proto/runtime/v1/dapr.proto", DAPR, _DAPR))
    return made


@cache
def message(package: str, name: str) -> Any:
    """The class of a message."""
    return message_factory.GetMessageClass(pool().FindMessageTypeByName(f"{package}.{name}"))


def _file(
    name: str, service: str, messages: Mapping[str, tuple[_F, ...]]
) -> descriptor_pb2.FileDescriptorProto:
    package, _, short = service.rpartition(".")
    file = descriptor_pb2.FileDescriptorProto(name=name, package=package, syntax="proto3")
    for message_name, fields in messages.items():
        made = file.message_type.add(name=message_name)
        for field in fields:
            _add(made, field, f".{package}.{message_name}", package)
    described = file.service.add(name=short)
    for method, (takes, gives) in METHODS[service].items():
        described.method.add(name=method, input_type=f".{package}.{takes}", output_type=f".{package}.{gives}")
    return file


def _add(made: descriptor_pb2.DescriptorProto, field: _F, full_name: str, package: str) -> None:
    many = field.repeated or field.kind == "map"
    added = made.field.add(
        name=field.name, number=field.number, label=_Field.LABEL_REPEATED if many else _Field.LABEL_OPTIONAL
    )
    if field.kind in _TYPES:
        added.type = _TYPES[field.kind]
        return
    added.type = _Field.TYPE_MESSAGE
    if field.kind != "map":
        added.type_name = f".{package}.{field.kind}"
        return
    # A map is a repeated message of key and value, whose name follows from the field's.
    entry = made.nested_type.add(name="".join(part.capitalize() for part in field.name.split("_")) + "Entry")
    entry.options.map_entry = True
    for number, name in enumerate(("key", "value"), 1):
        entry.field.add(name=name, number=number, label=_Field.LABEL_OPTIONAL, type=_Field.TYPE_STRING)
    added.type_name = f"{full_name}.{entry.name}"
