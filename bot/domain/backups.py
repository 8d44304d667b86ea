"""Describes backups: their names, manifests, verifications, and exports of saved rows."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Self

from bot.domain.signing import SignatureState

_NAME = re.compile(r"(?P<env>[a-z][a-z0-9]*)_(?P<label>[A-Za-z0-9][A-Za-z0-9.\-]{0,99})_(?P<at>\d{8}_\d{6})", re.ASCII)
_STAMP = "%Y%m%d_%H%M%S"
BUNDLE_SUFFIX = ".tar.gz"
SIDECAR_SUFFIX = ".manifest.json"
VERIFIED_SUFFIX = ".verified.json"


@dataclass(frozen=True)
class BackupName:
    """``{env}_{label}_{YYYYMMDD}_{HHMMSS}``; the time is UTC."""

    environment: str
    label: str
    created_at: datetime

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Read a name, with or without ``.tar.gz``; None when it is none of ours."""
        match = _NAME.fullmatch(text.strip().removesuffix(BUNDLE_SUFFIX))
        if match is None:
            return None
        try:
            created_at = datetime.strptime(match["at"], _STAMP).replace(tzinfo=UTC)
        except ValueError:
            return None
        return cls(match["env"], match["label"], created_at)

    def __str__(self) -> str:
        return f"{self.environment}_{self.label}_{self.created_at.astimezone(UTC):{_STAMP}}"


@dataclass(frozen=True, slots=True)
class TableContent:
    """A table in a dump's snapshot: exact rows, and `sum(hash_record_extended)` as a decimal string ("" if unknown).

    `of_extension`: an extension keeps rows in it; only those are counted that it calls the database's own. Manifests
    from before that was counted have no such tables.
    """

    table: str
    rows: int
    content_hash: str = ""
    of_extension: bool = False


@dataclass(frozen=True, slots=True)
class BundleFile:
    """A member of the bundle's archive."""

    name: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Origin:
    """The database that a bundle was taken from.

    Attributes:
        database: its name.
        server: the server's system identifier; "" where our role could not read it.
        oid: the database's, which every restore changes; 0 if unknown.
    """

    database: str
    server: str = ""
    oid: int = 0

    def is_of(self, database: str, server: str) -> bool:
        """Tell if that is the database by that name on that server; an unknown server is taken for the same."""
        return self.database == database and ("" in {self.server, server} or self.server == server)

    def __str__(self) -> str:
        return f"{self.database} on server {self.server}" if self.server else self.database


@dataclass(frozen=True)
class DatabaseSettings:
    """The state of a database that no dump carries, enough to create it again where it is gone.

    Attributes:
        owner: a role.
        encoding, collate, ctype: as CREATE DATABASE takes them.
        provider: of its locale, ``i`` (ICU), ``b`` (builtin) or ``c`` (libc).
        locale, rules: of that provider; "" for none.
        tablespace: its name; "" for the server's default.
        connection_limit: -1 for none.
        comment: "" for none.
        template: it may be copied by everybody.
        acl: grantor, grantee ("" is PUBLIC), privilege, with grant option; the defaults spelled out, in order.
        settings: role ("" is the database itself), name, value.
    """

    owner: str
    encoding: str
    collate: str
    ctype: str
    provider: str = ""
    locale: str = ""
    rules: str = ""
    tablespace: str = ""
    connection_limit: int = -1
    comment: str = ""
    template: bool = False
    acl: tuple[tuple[str, str, str, bool], ...] = ()
    settings: tuple[tuple[str, str, str], ...] = ()


@dataclass(frozen=True)
class Manifest:
    """The content of a bundle's ``manifest.json``.

    Attributes:
        format: version of this layout; 1.
        name: the bundle's name.
        environment, label: as in the name.
        created_at: when the dump's snapshot was taken, UTC.
        app_version: serving then; "" if unknown.
        schema_version: newest applied migration then; 0 if unknown.
        server_version: `server_version_num`.
        tool_version: of pg_dump, e.g. ``18.6``.
        files: members of the archive but the manifest itself; left out in lists of backups where they are very many.
        tables: every table's content in the dump's snapshot.
        database: what the dump does not carry of it; None in a manifest of an old release.
        origin: the database; None in manifests of releases that did not note it.
    """

    format: int
    name: str
    environment: str
    label: str
    created_at: datetime
    app_version: str
    schema_version: int
    server_version: int
    tool_version: str
    files: tuple[BundleFile, ...]
    tables: tuple[TableContent, ...]
    database: DatabaseSettings | None = None
    origin: Origin | None = None


@dataclass(frozen=True)
class StoredObject:
    """An object in the bucket.

    Attributes:
        sha256: our own digest of its bytes, "" where it has none.
        etag: the store's own digest; only where neither `sha256` nor `version_id` tells it from another object under
            its key.
    """

    key: str
    size_bytes: int
    version_id: str = ""
    sha256: str = ""
    modified_at: datetime | None = None
    etag: str = ""


@dataclass(frozen=True)
class Verification:
    """The result of verifying a bundle.

    Attributes:
        level: 1 names and checksums, 2 readable end to end, 3 restored and compared.
        at: UTC.
        problem: the reason it failed at that level; "" when it passed.
        schema_version: newest applied migration in it, where a level 3 has seen it; 0 if unknown.
        tables: what a level 3 found in a bundle that has no manifest; empty for every other one.
        compared: the outcome of a level 3's comparison with the live database, as a phrase; "" where there was none.
    """

    level: int
    at: datetime
    problem: str = ""
    schema_version: int = 0
    tables: tuple[TableContent, ...] = ()
    compared: str = ""


@dataclass(frozen=True)
class Backup:
    """A bundle that can be listed.

    Attributes:
        name, stored: its name and its object.
        manifest: if it has a sidecar that is about this object. What an unsigned one says proves no origin.
        verified: its last verification that Backstop has signed.
        signature: of its sidecar; only a valid one shows that Backstop made the bundle, under this name.
        ignored_note: the state of a verification beside it that does not count; None where there is none.
    """

    name: BackupName
    stored: StoredObject
    manifest: Manifest | None = None
    verified: Verification | None = None
    signature: SignatureState = SignatureState.UNSIGNED
    ignored_note: SignatureState | None = None

    @property
    def is_signed(self) -> bool:
        """Tells if Backstop made it, with a key that this bot has."""
        return self.signature is SignatureState.VALID

    @property
    def contents(self) -> tuple[TableContent, ...] | None:
        """Its tables, by its manifest or by a level 3; None if unknown."""
        if self.manifest is not None:
            return self.manifest.tables
        return self.verified.tables if self.verified is not None and self.verified.tables else None


@dataclass(frozen=True)
class BackupPage:
    """Part of a list of backups, newest first.

    Attributes:
        backups: of this page.
        total: names that match; a bundle that is still being uploaded counts until it has been looked at.
        next_offset: where the next page begins; None on the last one.
    """

    backups: tuple[Backup, ...]
    total: int
    next_offset: int | None = None


@dataclass(frozen=True)
class BackupSearch:
    """The end of a search, newest first: the backup, None if there was none among the newest `looked_at` of `total`."""

    found: Backup | None
    looked_at: int
    total: int


@dataclass(frozen=True)
class SavedTable:
    """A relation's rows saved before a drop: where, how many, the stored object's digest.

    `content_hash` is the table's own, as in `TableContent`; "" in exports from before it was kept.
    """

    table: str
    key: str
    rows: int
    size_bytes: int
    sha256: str
    columns: tuple[str, ...]
    content_hash: str = ""


@dataclass(frozen=True)
class SavedSequence:
    """A sequence's state before a drop. Restore it with `greatest`, never backwards."""

    sequence: str
    last_value: int
    is_called: bool


@dataclass(frozen=True)
class Export:
    """The rows that the export step has saved. ``export.json`` is stored last: a partial export is none."""

    run_id: str
    prefix: str
    tables: tuple[SavedTable, ...]
    sequences: tuple[SavedSequence, ...] = ()

    @property
    def rows(self) -> int:
        """Rows saved in all."""
        return sum(table.rows for table in self.tables)


class BundleKind(StrEnum):
    """The format of a bundle's content: our own layout, or one that the old scripts made."""

    DIRECTORY = "directory"
    CUSTOM = "custom"
    TAR = "tar"
    PLAIN = "plain"
