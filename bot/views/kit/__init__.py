"""Provides text escaping and Slack blocks for all other views."""
