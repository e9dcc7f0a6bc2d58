"""Both protocols over gRPC: Dapr's runtime API for any program, and the pluggable component for Dapr itself."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from types import MappingProxyType
from typing import Any, NoReturn

import grpc
from grpc_reflection.v1alpha import reflection

from doors.dapr.binding import CREATE, Binding, InvokeError, Why
from doors.dapr.component import Component, MetadataError, read_component
from doors.dapr.messages import COMPONENTS, DAPR, METHODS, OUTPUT_BINDING, RUNTIME, message, pool
from doors.dapr.sidecar import INVALID_TOKEN, TOKEN_HEADER, Sidecar, check_operation, unquoted

WORKERS = 40
STOP_SECONDS = 30.0
"""How long requests that are under way have when the process is asked to stop."""
INSTANCE = "x-component-instance"
"""The call's metadata that says which of the components of a socket is meant."""
CODES: Mapping[Why, grpc.StatusCode] = MappingProxyType(
    {
        Why.BAD_METADATA: grpc.StatusCode.INVALID_ARGUMENT,
        Why.LOGIN_REFUSED: grpc.StatusCode.UNAUTHENTICATED,
        Why.NOT_SENT: grpc.StatusCode.UNAVAILABLE,
        Why.REFUSED: grpc.StatusCode.FAILED_PRECONDITION,
        Why.UNKNOWN: grpc.StatusCode.UNKNOWN,
    }
)
"""What a component says, so that a resiliency policy can tell what may be repeated: UNAVAILABLE alone."""

Handle = Callable[[Any, grpc.ServicerContext], Any]


class GrpcDoor:
    """One service at one address, from its `start` to its `stop`. `max_body` is in octets."""

    def __init__(self, service: str, methods: Mapping[str, Handle], max_body: int) -> None:
        package = service.rpartition(".")[0]
        handlers = {
            name: grpc.unary_unary_rpc_method_handler(
                methods[name],
                request_deserializer=message(package, takes).FromString,
                response_serializer=message(package, gives).SerializeToString,
            )
            for name, (takes, gives) in METHODS[service].items()
        }
        self._server = grpc.server(
            ThreadPoolExecutor(WORKERS, "dapr grpc"),
            options=[("grpc.max_receive_message_length", max_body), ("grpc.so_reuseport", 0)],
        )
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, handlers),))
        reflection.enable_server_reflection((service, reflection.SERVICE_NAME), self._server, pool())

    def listen(self, address: str) -> int:
        """Take an address; the port is returned. Raises `RuntimeError` where that can't be had."""
        return self._server.add_insecure_port(address)

    def start(self) -> None:
        self._server.start()

    def stop(self) -> None:
        """Answer what is under way, then let go."""
        self._server.stop(STOP_SECONDS).wait()


class Runtime:
    """`dapr.proto.runtime.v1.Dapr`: what programs that use Dapr call."""

    def __init__(self, sidecar: Sidecar) -> None:
        self._sidecar = sidecar

    def methods(self) -> Mapping[str, Handle]:
        return {"InvokeBinding": self.invoke_binding, "GetMetadata": self.get_metadata}

    def invoke_binding(self, request: Any, context: grpc.ServicerContext) -> Any:
        self._check_token(context)
        try:
            text = unquoted(request.data)
            answer = self._sidecar.invoke(request.name, request.operation, request.metadata, text)
        except InvokeError as error:
            context.abort(grpc.StatusCode.INTERNAL, str(error))
        return message(RUNTIME, "InvokeBindingResponse")(data=answer.data, metadata=answer.metadata)

    def get_metadata(self, _request: Any, context: grpc.ServicerContext) -> Any:
        self._check_token(context)
        components = [
            {"name": one.name, "type": one.type, "version": one.version} for one in self._sidecar.registered()
        ]
        return message(RUNTIME, "GetMetadataResponse")(
            id="smtp-connector", registered_components=components, runtime_version=self._sidecar.version
        )

    def _check_token(self, context: grpc.ServicerContext) -> None:
        if not self._sidecar.lets_in(_metadata(context, TOKEN_HEADER)):
            context.abort(grpc.StatusCode.UNAUTHENTICATED, INVALID_TOKEN)


class Pluggable:
    """`dapr.proto.components.v1.OutputBinding`: what Dapr calls.

    A socket serves many components, each known by the `Init` that made it.
    """

    def __init__(self, binding: Binding, tell: Callable[[str], None]) -> None:
        self._binding = binding
        self._tell = tell
        self._lock = threading.Lock()
        self._components: dict[str, Component] = {}

    def methods(self) -> Mapping[str, Handle]:
        return {
            "Init": self.init,
            "Invoke": self.invoke,
            "ListOperations": self.list_operations,
            "Ping": self.ping,
        }

    def init(self, request: Any, context: grpc.ServicerContext) -> Any:
        instance = _metadata(context, INSTANCE)
        try:
            component = read_component(instance or "smtp", request.metadata.properties)
        except MetadataError as error:
            self._tell(f"{instance or 'smtp'}: {error}")
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
        for warning in component.warnings:
            self._tell(warning)
        with self._lock:
            self._components[instance] = component
        return message(COMPONENTS, "OutputBindingInitResponse")()

    def invoke(self, request: Any, context: grpc.ServicerContext) -> Any:
        instance = _metadata(context, INSTANCE)
        with self._lock:
            component = self._components.get(instance)
        if component is None:
            text = f"the component {instance or 'of this socket'} was not initialised"
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, text)
        try:
            check_operation(component.name, request.operation)
            answer = self._binding.invoke(component, request.metadata, unquoted(request.data))
        except InvokeError as error:
            _abort(context, error)
        return message(COMPONENTS, "InvokeResponse")(
            data=answer.data, metadata=answer.metadata, content_type="application/json"
        )

    def list_operations(self, _request: Any, _context: grpc.ServicerContext) -> Any:
        return message(COMPONENTS, "ListOperationsResponse")(operations=[CREATE])

    def ping(self, _request: Any, _context: grpc.ServicerContext) -> Any:
        return message(COMPONENTS, "PingResponse")()


def runtime_door(sidecar: Sidecar, max_body: int) -> GrpcDoor:
    """Dapr's runtime API, for programs."""
    return GrpcDoor(DAPR, Runtime(sidecar).methods(), max_body)


def pluggable_door(binding: Binding, tell: Callable[[str], None], max_body: int) -> GrpcDoor:
    """The component, for Dapr."""
    return GrpcDoor(OUTPUT_BINDING, Pluggable(binding, tell).methods(), max_body)


def _abort(context: grpc.ServicerContext, error: InvokeError) -> NoReturn:
    context.abort(CODES[error.why], str(error))
    raise AssertionError  # abort raises


def _metadata(context: grpc.ServicerContext, name: str) -> str:
    """The call's metadata of that name, "" where it has none."""
    for key, value in context.invocation_metadata():
        if key == name:
            return str(value)
    return ""
