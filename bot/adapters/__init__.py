"""The edges: one SDK each, translated into the ports and the errors of `bot.errors`."""
