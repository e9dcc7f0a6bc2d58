"""Both protocols over gRPC: the pluggable component that Dapr calls, and the runtime API that programs call."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

from doors.dapr.grpc import GrpcDoor, pluggable_door, runtime_door
from doors.dapr.messages import COMPONENTS, DAPR, METHODS, OUTPUT_BINDING, RUNTIME, message
from tests.doors.dapr.conftest import Served
from tests.doors.dapr.test_http import WHO, html, parsed, smtp
from tests.support.catcher import Catcher
from tests.support.scripted import Fault, Kind, ScriptedServer, Settings
from tests.support.scripted.settings import Step


@dataclass
class Client:
    """Calls the methods of one service; `instance` is the component that is meant, `token` what is shown."""

    channel: grpc.Channel
    service: str

    def call(self, method: str, *, instance: str = "", token: str = "", **fields: object) -> Any:
        package = self.service.rpartition(".")[0]
        takes, gives = (message(package, name) for name in METHODS[self.service][method])
        metadata = [("x-component-instance", instance)] if instance else []
        metadata += [("dapr-api-token", token)] if token else []
        rpc = self.channel.unary_unary(
            f"/{self.service}/{method}",
            request_serializer=takes.SerializeToString,
            response_deserializer=gives.FromString,
        )
        return rpc(takes(**fields), timeout=60, metadata=metadata)

    def init(self, server: Any, instance: str = "", **metadata: str) -> None:
        fields = {"host": server.host, "port": str(server.port), "skipTLSVerify": "true", **WHO, **metadata}
        self.call("Init", instance=instance, metadata={"properties": fields})

    def create(self, data: bytes = b"hello", instance: str = "", **metadata: str) -> Any:
        return self.call("Invoke", instance=instance, data=data, metadata=metadata, operation="create")


def opened(served: Served, door: GrpcDoor, service: str, address: str) -> Client:
    port = door.listen(address)
    door.start()
    served.stack.callback(door.stop)
    channel = grpc.insecure_channel(address if address.startswith("unix:") else f"127.0.0.1:{port}")
    served.stack.callback(channel.close)
    return Client(channel, service)


@pytest.fixture
def component(served: Served, tmp_path: Path) -> Client:
    door = pluggable_door(served.binding(), served.told.append, 4 << 20)
    return opened(served, door, OUTPUT_BINDING, f"unix:{tmp_path}/smtp.sock")


def runtime(served: Served) -> Client:
    return opened(served, runtime_door(served.sidecar(), 4 << 20), DAPR, "127.0.0.1:0")


@pytest.fixture
def catcher() -> Iterator[Catcher]:
    with Catcher(refused={"no@example.net": "550 5.1.1 no such user"}) as server:
        yield server


def test_a_component_is_made_and_sends(component: Client, catcher: Catcher) -> None:
    component.init(catcher)
    assert list(component.call("ListOperations").operations) == ["create"]
    component.call("Ping")
    answer = component.create(b"<b>hi</b>", emailCC="cc@example.net")
    assert json.loads(answer.data)["outcome"] == answer.metadata["outcome"] == "sent"
    assert answer.content_type == "application/json"
    (caught,) = catcher.messages
    assert caught.rcpt_tos == ("to@example.net", "cc@example.net")
    assert html(caught.content) == "<b>hi</b>"
    assert parsed(caught.content)["Message-ID"] == answer.metadata["messageId"]


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"plain", "plain"),
        (b'"a \\"quoted\\" text\\nof two lines"', 'a "quoted" text\nof two lines'),
        (b'"not" JSON', '"not" JSON'),
        (b'{"a": 1}', '{"a": 1}'),
        ("Grüße".encode(), "Grüße"),
    ],
)
def test_a_json_string_is_unquoted_and_all_else_stays(
    component: Client, catcher: Catcher, data: bytes, text: str
) -> None:
    component.init(catcher)
    component.create(data)
    assert html(catcher.messages[0].content) == text


def test_one_socket_serves_many_components(component: Client, catcher: Catcher) -> None:
    component.init(catcher, "one", emailTo="one@example.net")
    component.init(catcher, "two", emailTo="two@example.net")
    component.create(instance="two")
    component.create(instance="one")
    assert [caught.rcpt_tos for caught in catcher.messages] == [("two@example.net",), ("one@example.net",)]


def failed(component: Client, **metadata: str) -> grpc.RpcError:
    with pytest.raises(grpc.RpcError) as raised:
        component.create(**metadata)
    return raised.value


def test_bad_metadata_is_an_invalid_argument(component: Client, catcher: Catcher) -> None:
    with pytest.raises(grpc.RpcError) as raised:
        component.call("Init", metadata={"properties": {"host": "h"}})
    assert raised.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert raised.value.details() == "smtp binding error: host and port fields are required in metadata"
    component.init(catcher)
    for metadata in ({"priority": "9"}, {"emailTo": "x"}, {"messageId": "no id"}):
        assert failed(component, **metadata).code() is grpc.StatusCode.INVALID_ARGUMENT
    with pytest.raises(grpc.RpcError) as raised:
        component.create(b"\xff")
    assert raised.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert catcher.messages == ()


def test_a_component_that_was_not_made_and_an_operation_that_is_not_known_fail(
    component: Client, catcher: Catcher
) -> None:
    assert failed(component).code() is grpc.StatusCode.FAILED_PRECONDITION
    component.init(catcher, "one")
    with pytest.raises(grpc.RpcError) as raised:
        component.call("Invoke", instance="one", operation="get")
    assert raised.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert raised.value.details() == "binding one does not support operation get. supported operations:create"


def test_refused_for_all_is_a_failed_precondition_and_for_some_a_success(
    component: Client, catcher: Catcher
) -> None:
    component.init(catcher)
    assert failed(component, emailTo="no@example.net").code() is grpc.StatusCode.FAILED_PRECONDITION
    assert component.create(emailTo="no@example.net; yes@example.net").metadata["outcome"] == "partly sent"


@pytest.mark.parametrize(
    "reply",
    [
        b"535 5.7.8 no\r\n",
        b"534 5.7.9 needs an application password\r\n",
        b"535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant.\r\n",
    ],
)
def test_whatever_mends_a_refused_login_it_is_unauthenticated(component: Client, reply: bytes) -> None:
    fault = Fault(Step.AUTH, Kind.PERMANENT, reply=reply, times=9)
    settings = Settings(tls="starttls", auth=("PLAIN",), logins={"me": "x"}, fault=fault)
    with ScriptedServer(settings) as server:
        component.init(server, user="me", password="x")
        assert failed(component).code() is grpc.StatusCode.UNAUTHENTICATED


def test_a_refused_login_is_unauthenticated(component: Client) -> None:
    with Catcher("starttls", logins={"me": "canary-right"}) as server:
        component.init(server, user="me", password="canary-wrong")
        error = failed(component)
    assert error.code() is grpc.StatusCode.UNAUTHENTICATED
    assert "canary" not in str(error.details())


@pytest.mark.parametrize("step", [Step.BANNER, Step.MAIL, Step.RCPT, Step.END])
def test_not_sent_for_now_is_unavailable_and_can_be_repeated(component: Client, step: Step) -> None:
    with ScriptedServer(Settings(fault=Fault(step, Kind.TEMPORARY))) as server:
        component.init(server)
        assert failed(component).code() is grpc.StatusCode.UNAVAILABLE
        assert component.create().metadata["outcome"] == "sent"
    assert len(server.log.accepted) == 1


def test_a_server_that_is_not_there_is_unavailable(component: Client, catcher: Catcher) -> None:
    component.init(catcher, port="1", host="127.0.0.1")
    assert failed(component).code() is grpc.StatusCode.UNAVAILABLE


def test_only_an_unknown_outcome_is_unknown_and_repeating_it_does_not_double(component: Client) -> None:
    with ScriptedServer(Settings(fault=Fault(Step.END, Kind.CLOSE))) as server:
        component.init(server)
        errors = [failed(component) for _ in range(3)]
    assert {error.code() for error in errors} == {grpc.StatusCode.UNKNOWN}
    assert all("may have been delivered" in str(error.details()) for error in errors)
    assert len(server.log.accepted) == 1


def test_reflection_names_the_service_and_knows_its_messages(component: Client) -> None:
    database = ProtoReflectionDescriptorDatabase(component.channel)
    assert OUTPUT_BINDING in database.get_services()
    file = database.FindFileContainingSymbol(OUTPUT_BINDING)
    assert [method.name for method in file.service[0].method] == ["Init", "Invoke", "ListOperations", "Ping"]


def test_no_requests_recipients_are_in_anothers_mail_through_whichever_door_it_came(
    served: Served, catcher: Catcher
) -> None:
    """Fifty at once, over HTTP and gRPC in turns, half of them with the component's own recipient."""
    smtp(served, catcher)
    web, rpc = served.http(), runtime(served)
    failed: list[object] = []

    def ask(number: int) -> None:
        own = {"subject": str(number)} | ({"emailTo": f"to{number}@example.net"} if number % 4 > 1 else {})
        data = f"text {number}"
        try:
            if number % 2:
                rpc.call("InvokeBinding", name="smtp", data=data.encode(), metadata=own, operation="create")
            else:
                assert web.create("smtp", data=data, **own).status == 200
        except (AssertionError, grpc.RpcError) as error:
            failed.append(error)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    seen = {
        int(parsed(caught.content)["Subject"]): (caught.rcpt_tos, html(caught.content))
        for caught in catcher.messages
    }
    assert len(catcher.messages) == 50
    assert seen == {
        number: ((f"to{number}@example.net" if number % 4 > 1 else "to@example.net",), f"text {number}")
        for number in range(50)
    }


def test_programs_invoke_a_binding_and_ask_for_metadata(served: Served, catcher: Catcher) -> None:
    smtp(served, catcher)
    client = runtime(served)
    answer = client.call("InvokeBinding", name="smtp", data=b"hi", metadata={}, operation="create")
    assert answer.metadata["outcome"] == json.loads(answer.data)["outcome"] == "sent"
    told = client.call("GetMetadata")
    assert [(one.name, one.type) for one in told.registered_components] == [("smtp", "bindings.smtp")]
    assert told.runtime_version == "1.2.3"


@pytest.mark.parametrize(
    ("name", "operation", "text"),
    [
        ("nobody", "create", "couldn't find output binding nobody"),
        ("smtp", "", "operation field is missing from request"),
        ("smtp", "get", "binding smtp does not support operation get. supported operations:create"),
    ],
)
def test_programs_get_daprs_own_words(
    served: Served, catcher: Catcher, name: str, operation: str, text: str
) -> None:
    smtp(served, catcher)
    with pytest.raises(grpc.RpcError) as raised:
        runtime(served).call("InvokeBinding", name=name, operation=operation)
    assert raised.value.code() is grpc.StatusCode.INTERNAL
    assert raised.value.details() == f"error invoking output binding {name}: {text}"


def test_only_programs_that_have_the_token_may_ask(
    served: Served, catcher: Catcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAPR_API_TOKEN", "canary-token")
    smtp(served, catcher)
    client = runtime(served)
    for token in ("", "another"):
        with pytest.raises(grpc.RpcError) as raised:
            client.call("GetMetadata", token=token)
        assert raised.value.code() is grpc.StatusCode.UNAUTHENTICATED
    client.call("InvokeBinding", token="canary-token", name="smtp", operation="create")
    assert len(catcher.messages) == 1


@pytest.mark.parametrize(
    ("package", "name", "fields", "octets"),
    [
        # Written by hand from the field numbers of Dapr's own .proto files (protobuf's wire format).
        (
            COMPONENTS,
            "OutputBindingInitRequest",
            {"metadata": {"properties": {"a": "b"}}},
            b"\x0a\x08\x0a\x06\x0a\x01a\x12\x01b",
        ),
        (
            COMPONENTS,
            "InvokeRequest",
            {"data": b"d", "metadata": {"a": "b"}, "operation": "o"},
            b"\x0a\x01d\x12\x06\x0a\x01a\x12\x01b\x1a\x01o",
        ),
        (
            COMPONENTS,
            "InvokeResponse",
            {"data": b"d", "metadata": {"a": "b"}, "content_type": "c"},
            b"\x0a\x01d\x12\x06\x0a\x01a\x12\x01b\x1a\x01c",
        ),
        (COMPONENTS, "ListOperationsResponse", {"operations": ["o", "p"]}, b"\x0a\x01o\x0a\x01p"),
        (
            RUNTIME,
            "InvokeBindingRequest",
            {"name": "n", "data": b"d", "metadata": {"a": "b"}, "operation": "o"},
            b"\x0a\x01n\x12\x01d\x1a\x06\x0a\x01a\x12\x01b\x22\x01o",
        ),
        (
            RUNTIME,
            "InvokeBindingResponse",
            {"data": b"d", "metadata": {"a": "b"}},
            b"\x0a\x01d\x12\x06\x0a\x01a\x12\x01b",
        ),
    ],
)
def test_messages_are_on_the_wire_as_dapr_has_them(
    package: str, name: str, fields: dict[str, Any], octets: bytes
) -> None:
    made = message(package, name)(**fields)
    assert made.SerializeToString() == octets
    assert message(package, name).FromString(octets) == made
