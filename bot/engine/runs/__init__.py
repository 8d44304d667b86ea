"""Executes approved runs."""
