"""Renders a run's card, request and reports."""
