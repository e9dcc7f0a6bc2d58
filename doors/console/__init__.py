"""The console: assets, a run form, history and an inbox as pages, and the same as an HTTP API."""
