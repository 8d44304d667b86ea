"""Repairs and removes what dead processes left behind."""
