"""Writes to the laboratory of row recovery."""

from tests.adapters.row_recovery.conftest import HERE, Lab


def written(lab: Lab) -> None:
    lab.write((HERE / "written.sql").read_text())
