"""PyPI's Dapr client: sends one mail over a binding, and prints what comes back.

Its arguments: the gRPC port, and the request as JSON (binding, operation, data, metadata).
"""

import json
import sys

from dapr.clients import DaprClient

port, asked = sys.argv[1:]
request = json.loads(asked)
try:
    with DaprClient(address=f"127.0.0.1:{port}") as client:
        answer = client.invoke_binding(
            request["binding"], request["operation"], request["data"], request["metadata"]
        )
    told = {"data": json.loads(answer.data), "metadata": dict(answer.binding_metadata)}
except Exception as error:  # noqa: BLE001 - whatever it raises is what its users see
    told = {"error": str(error)}
sys.stdout.write(json.dumps(told) + "\n")
