"""Calls the engine on schedule, and computes when a cron expression is due."""
