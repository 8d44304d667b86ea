"""Answers read-only questions about environments and runs."""
