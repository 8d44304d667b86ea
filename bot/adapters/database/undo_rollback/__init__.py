"""Creates again what a chain dropped, from the bundle taken before it, and fills it with the rows saved before it."""
