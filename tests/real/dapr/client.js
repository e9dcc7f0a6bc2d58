// npm's Dapr client: sends one mail over a binding, and prints what comes back.
// Its arguments: http or grpc, the port, and the request as JSON (binding, operation, data, metadata).
const { CommunicationProtocolEnum, DaprClient } = require("@dapr/dapr");

// Over HTTP the answer is the component's data; over gRPC it is a message with data and metadata.
function told(answer) {
    if (answer.operation === undefined) return { data: answer };
    return { data: JSON.parse(Buffer.from(answer.data).toString()), metadata: answer.metadata };
}

async function main() {
    const [protocol, port, asked] = process.argv.slice(2);
    const { binding, operation, data, metadata } = JSON.parse(asked);
    const client = new DaprClient({
        daprHost: "127.0.0.1",
        daprPort: port,
        communicationProtocol: protocol === "grpc" ? CommunicationProtocolEnum.GRPC : CommunicationProtocolEnum.HTTP,
    });
    try {
        const answer = await client.binding.send(binding, operation, data, metadata);
        console.log(JSON.stringify(told(answer)));
    } catch (error) {
        console.log(JSON.stringify({ error: String(error.message ?? error) }));
    } finally {
        await client.stop();
    }
}

main();
