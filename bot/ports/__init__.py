"""Defines what the engine needs of the outside world: one Protocol per edge, implemented by one adapter each.

Every method may raise `bot.errors.TemporaryError` (a retry may work) or `PermanentError`; nothing else.
"""

from bot.domain.audit import AuditEvent
from bot.ports.anchors import Anchoring, AnchorStore, KeptAnchor, KeptAnchors
from bot.ports.announcer import Answers, DrillAnnouncer, HomeTabs, JobAnnouncer, RunAnnouncer
from bot.ports.answers import (
    Audience,
    BackupDetails,
    BackupListing,
    Choices,
    EnvironmentSummary,
    Escalation,
    HomeFacts,
    KeptDatabase,
    MigrationRow,
    NewestBackups,
    Overview,
)
from bot.ports.bundles import BundleReader, Dump, DumpEntries, FetchedBundle, Report, TableSink
from bot.ports.chat import Attachment, Backlog, BarredError, Chat, Directory, Message, Outbox, Posted
from bot.ports.clock import Clock
from bot.ports.cluster import Cluster
from bot.ports.database import Database, ExclusiveAccess, Shadow
from bot.ports.drills import Calendar, DrillRepository, Plotter, ScriptTests
from bot.ports.journal import AuditEntry, Claim, Journal, Request
from bot.ports.queue import Queue
from bot.ports.scripts import Scripts
from bot.ports.sides import ExchangeState, RowRecovery, SideFacts, Sides
from bot.ports.storage import BackupStore, ExportStore
from bot.ports.undo_rollback import Recreated, RecreationSpec, RehearsedUndo, RowSource

__all__ = [
    "AnchorStore",
    "Anchoring",
    "Answers",
    "Attachment",
    "Audience",
    "AuditEntry",
    "AuditEvent",
    "Backlog",
    "BackupDetails",
    "BackupListing",
    "BackupStore",
    "BarredError",
    "BundleReader",
    "Calendar",
    "Chat",
    "Choices",
    "Claim",
    "Clock",
    "Cluster",
    "Database",
    "Directory",
    "DrillAnnouncer",
    "DrillRepository",
    "Dump",
    "DumpEntries",
    "EnvironmentSummary",
    "Escalation",
    "ExchangeState",
    "ExclusiveAccess",
    "ExportStore",
    "FetchedBundle",
    "HomeFacts",
    "HomeTabs",
    "JobAnnouncer",
    "Journal",
    "KeptAnchor",
    "KeptAnchors",
    "KeptDatabase",
    "Message",
    "MigrationRow",
    "NewestBackups",
    "Outbox",
    "Overview",
    "Plotter",
    "Posted",
    "Queue",
    "Recreated",
    "RecreationSpec",
    "RehearsedUndo",
    "Report",
    "Request",
    "RowRecovery",
    "RowSource",
    "RunAnnouncer",
    "ScriptTests",
    "Scripts",
    "Shadow",
    "SideFacts",
    "Sides",
    "TableSink",
]
