"""Replaces a database's content by a bundle's, in one transaction, where no second database is allowed."""
