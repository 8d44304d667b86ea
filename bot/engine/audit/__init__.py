"""Proves the audit log: against itself, its anchors, and the rows it must agree with."""
