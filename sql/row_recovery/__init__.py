"""Queries on the databases beside a live one."""
