"""Runs a whole workplace on one machine: Slack, a cluster, PostgreSQL, S3 and a sample. Never shipped."""
