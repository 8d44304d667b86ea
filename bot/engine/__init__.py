"""Orchestrates the ports. No SDK is known here."""
