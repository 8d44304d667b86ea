"""Schedules, runs and reports drills."""
