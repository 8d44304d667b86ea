"""PhysioFlow's appointments, as its api lists and books them."""

from collections.abc import Mapping
from typing import Any

import psycopg

_BOOK = """
INSERT INTO appointments (clinic_id, patient_id, therapist_id, starts_at)
SELECT patient.clinic_id, patient.id, therapist.id, coalesce(%(starts_at)s::timestamptz, now() + interval '1 day')
FROM (SELECT id, clinic_id FROM patients WHERE coalesce(id = %(patient_id)s, true) ORDER BY id LIMIT 1) patient,
     (SELECT id FROM therapists WHERE coalesce(id = %(therapist_id)s, true) ORDER BY id LIMIT 1) therapist
RETURNING id
"""
FIELDS = ("patient_id", "therapist_id", "starts_at")


def count(conn: psycopg.Connection[Any]) -> int:
    """Count all appointments."""
    row = conn.execute("SELECT count(*) FROM appointments").fetchone()
    return int(row[0]) if row else 0


def book(conn: psycopg.Connection[Any], wanted: Mapping[str, Any]) -> int | None:
    """Book one for the patient and therapist wanted, or for the first ones; None when there is no such person."""
    row = conn.execute(_BOOK, {field: wanted.get(field) for field in FIELDS}).fetchone()
    return int(row[0]) if row else None
