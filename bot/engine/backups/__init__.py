"""Takes, verifies, keeps and searches backups."""
