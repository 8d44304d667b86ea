"""Renders what a plan will do."""
