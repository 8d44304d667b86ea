"""Backstop: a Slack bot that rolls PostgreSQL databases back safely."""
