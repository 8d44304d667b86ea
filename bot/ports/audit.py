"""The audit log."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class AuditEntry:
    """A line for the audit log, written in one transaction with the change that it is about, or not at all."""

    actor: str
    event: str
    details: Mapping[str, Any]


@dataclass(frozen=True)
class AuditEvent:
    """A line of the audit log. `digest` covers this event and the one before it (sha256, hex)."""

    sequence: int
    at: datetime
    run_id: str
    actor: str
    event: str
    details: Mapping[str, Any]
    previous: str
    digest: str
