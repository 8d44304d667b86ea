"""Whole stories, each checked against the world itself."""
