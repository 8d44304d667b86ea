"""Domain to Block Kit. Pure: no SDK, clock, file, socket, thread or randomness."""
