"""Catalogue queries, named."""
