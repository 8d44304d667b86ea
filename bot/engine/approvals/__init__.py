"""Records votes and decides who may vote."""
