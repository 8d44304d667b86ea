"""What the engine needs of the world, one Protocol an edge. Adapters implement them, one SDK each.

Every method may raise `bot.errors.TemporaryError` (trying again may work) or `PermanentError`; nothing else.
"""

from bot.ports.announcer import Announcer
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
from bot.ports.bundles import BundleReader, Dump, FetchedBundle, Report, TableSink
from bot.ports.chat import Attachment, Backlog, BarredError, Chat, Directory, Message, Outbox, Posted
from bot.ports.clock import Clock
from bot.ports.cluster import Cluster
from bot.ports.database import Database, ExclusiveAccess, Shadow
from bot.ports.drills import Calendar, DrillRepository, Plotter, ScriptTests
from bot.ports.journal import AuditEntry, AuditEvent, Claim, Journal, Request
from bot.ports.queue import Queue
from bot.ports.scripts import Scripts
from bot.ports.sides import ExchangeState, RowRecovery, SideFacts, Sides
from bot.ports.storage import BackupStore, ExportStore
from bot.ports.undo_rollback import Recreated, RecreationSpec, RowSource

__all__ = [
    "Announcer",
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
    "DrillRepository",
    "Dump",
    "EnvironmentSummary",
    "Escalation",
    "ExchangeState",
    "ExclusiveAccess",
    "ExportStore",
    "FetchedBundle",
    "HomeFacts",
    "Journal",
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
    "Report",
    "Request",
    "RowRecovery",
    "RowSource",
    "ScriptTests",
    "Scripts",
    "Shadow",
    "SideFacts",
    "Sides",
    "TableSink",
]
