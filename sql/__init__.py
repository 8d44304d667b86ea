"""SQL shipped as package data: down scripts, the journal, catalogue checks."""
