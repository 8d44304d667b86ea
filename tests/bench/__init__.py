"""Measures latencies and memory; never timed by tests. `make bench` prints everything in one run."""
