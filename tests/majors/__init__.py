"""Runs the database tests on PostgreSQL's other majors.

`package-lock.json` names the servers with their checksums; npm installs and checks them. The client tools are the ones
that all other tests use: a newer pg_dump reads every older server.
"""
