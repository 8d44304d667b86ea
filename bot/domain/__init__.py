"""Nouns and rules. Pure: no SDK, clock, file, socket, thread or randomness."""
