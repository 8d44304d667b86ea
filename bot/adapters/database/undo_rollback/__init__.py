"""Undoes a chain: creates again what it dropped, from the bundle taken before it, and reloads the saved rows."""
