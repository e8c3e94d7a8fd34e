"""What a sync costs: requests, seconds and memory, by the number of files; run with `python -m benchmarks`."""
