"""Renders answers about backups."""
