"""Renders drills and their reports."""
