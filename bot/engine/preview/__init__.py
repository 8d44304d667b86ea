"""Collects facts, rehearses, and plans."""
