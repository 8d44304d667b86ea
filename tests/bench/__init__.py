"""Measurements; never timed tests. `make bench` prints them all in one run."""
