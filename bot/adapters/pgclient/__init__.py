"""Runs PostgreSQL's client programs: pg_dump, pg_restore and psql."""
