"""Renders the Home tab, the rollback form and /rollback status."""
