"""The Dapr output binding: Component YAML as it is, as a pluggable component and as the sidecar's bindings API."""
