"""How fast and how small, measured beside the peers in the same run: `python -m benchmarks`, or `make bench`."""
