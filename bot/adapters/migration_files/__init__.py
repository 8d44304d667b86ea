"""Reads and validates migration scripts."""
