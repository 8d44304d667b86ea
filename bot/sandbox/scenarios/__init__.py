"""Plays whole stories, and checks each against the world itself."""
