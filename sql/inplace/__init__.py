"""Queries for replacing a database's content in place."""
