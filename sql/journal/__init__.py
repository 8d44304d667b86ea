"""The journal: its schema and its queries."""
