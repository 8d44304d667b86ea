"""Renders a run's report as an HTML file."""
