"""Measures the time from the command to the plan in the channel, with 300 tables in the schema."""

import time

from bot.sandbox.story import Story

TABLES = 300
TABLE = """
CREATE TABLE {name} (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    patient_id bigint,
    note text NOT NULL DEFAULT '',
    data jsonb,
    made_at timestamptz DEFAULT now()
);
CREATE INDEX ON {name} (patient_id);
"""


def grow(story: Story) -> int:
    """Fill the schema up to 300 tables, as the environment's owner; and return their number."""
    with story.database.connect() as session:
        row = session.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone()
        present = int(row[0]) if row else 0
        session.execute("SET ROLE physioflow_prod")
        for number in range(present, TABLES):
            session.execute(TABLE.format(name=f"extra_{number:03d}").encode())
    return TABLES


def measure(story: Story) -> float:
    """Seconds from the typed command to the request for approval in the thread."""
    began = time.monotonic()
    story.command(story.cast.oncall, "/rollback prod 027")
    story.request()
    took = time.monotonic() - began
    story.command(story.cast.oncall, f"/rollback cancel {story.run_id()}")
    story.wait_state("cancelled")
    return took
