"""Reads down scripts and up scripts from files, and checks the rules they must keep."""
