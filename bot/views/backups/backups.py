"""Renders lists and details of backups."""

from collections.abc import Sequence
from datetime import datetime

from bot.domain.backups import Backup, Manifest, Verification
from bot.domain.signing import SIGNATURES
from bot.domain.versions import label
from bot.ports import BackupDetails, BackupListing, NewestBackups
from bot.views import buttons
from bot.views.kit.blocks import MAX_SECTION, Block, View, actions, context, divider, header, listing, page, section
from bot.views.kit.text import ago, clip, code, count, duration, moment, one_line, prose, size

STAMP = "{date_short_pretty} {time}"
MAX_NAME = 150
_TABLES_SHOWN = 20
_FILES_SHOWN = 10
_MAX_TEXT = 60
_ENVIRONMENTS_SHOWN = 12
ELSEWHERE = "*not made by Backstop*"
LEVELS = {1: "names and checksums", 2: "readable end to end", 3: "restored"}


def render(shown: BackupListing) -> View:
    """Render a page of an environment's backups, newest first, each with its buttons."""
    name, total = shown.environment, shown.page.total
    title = f"Backups of {name}" + (f" with “{clip(shown.text, _MAX_TEXT)}”" if shown.text else "")
    if not shown.page.backups:
        return _none(shown)
    first, last = shown.offset + 1, shown.offset + len(shown.page.backups)
    blocks: list[Block] = [header(title), context(f"{first:,} to {last:,} of {total:,}, newest first")]
    for backup in shown.page.backups:
        blocks += [section(_entry(backup, shown.at)), *actions(buttons.for_backup(name, str(backup.name)))]
    blocks += [divider(), *actions(buttons.for_pages(shown))]
    return page(f"{one_line(title, 150)}: {first:,} to {last:,} of {total:,}", blocks)


def _none(shown: BackupListing) -> View:
    name = one_line(shown.environment, 40)
    if shown.text:
        text = f"No backup of *{name}* has {code(shown.text, _MAX_TEXT + 20)} in its name."
        hint = (
            f"{code(f'/backups {shown.environment}')} lists them all; {code('/backups help')} says what can be asked."
        )
    else:
        text = f"*{name}* has no backups."
        hint = f"Take one: {code(f'/backups {shown.environment} take')}"
    return page(text, [section(f"{text}\n{hint}"), *actions(buttons.for_pages(shown))])


def _entry(backup: Backup, now: datetime) -> str:
    shown = [_age(backup, now), size(backup.stored.size_bytes), *_versions(backup.manifest)]
    return f"*{one_line(str(backup.name), MAX_NAME)}*\n{' · '.join(shown)}\n{state(backup)}"


def _age(backup: Backup, now: datetime) -> str:
    at = backup.name.created_at
    return f"{old(at, now)} ({moment(at, STAMP)})"


def old(at: datetime, now: datetime) -> str:
    """Return an age, in days from two days on."""
    days = (now - at).days
    return f"{days:,} days old" if days > 1 else f"{duration(max(0.0, (now - at).total_seconds()))} old"


def _versions(manifest: Manifest | None) -> list[str]:
    if manifest is None:
        return []
    return [f"schema {label(manifest.schema_version)}", f"app {one_line(manifest.app_version, 40) or 'unknown'}"]


def state(backup: Backup) -> str:
    """Return the result of the last verification in a line."""
    return f"{_verdict(backup.verified) if backup.verified else _unverified(backup)}{origin(backup)}"


def origin(backup: Backup) -> str:
    """Return what its signature says of who made a backup; "" where it was Backstop."""
    return "" if backup.is_signed else f", {ELSEWHERE}: {SIGNATURES[backup.signature]}"


def _unverified(backup: Backup) -> str:
    note = backup.ignored_note
    return f"not verified (the note beside it does not count: {SIGNATURES[note]})" if note else "not verified"


def _verdict(verified: Verification) -> str:
    when = moment(verified.at, STAMP)
    if verified.problem:
        return f"✗ level {verified.level}, {when}: {prose(verified.problem, 200)}"
    return f"✔ level {verified.level}, {when}"


def render_newest(newest: Sequence[NewestBackups], at: datetime) -> View:
    """Render every environment's newest few, with the age of the newest."""
    parts = [section(_environment(line, at)) for line in newest[:_ENVIRONMENTS_SHOWN]]
    if len(newest) > _ENVIRONMENTS_SHOWN:
        parts.append(context(f"… and {len(newest) - _ENVIRONMENTS_SHOWN} more environments"))
    way = f"{code('/backups ENV')} lists an environment's, {code('/backups help')} says what else can be asked."
    text = f"Backups of {count(len(newest), 'environment')}"
    return page(text, [header("Backups"), *parts, context(way)])


def _environment(line: NewestBackups, at: datetime) -> str:
    name = f"*{one_line(line.environment, 40)}*"
    if line.page is None:
        return f"{name}: cannot be listed: {prose(line.problem, 400)}"
    if not line.page.backups:
        return f"{name}: no backups"
    newest = line.page.backups[0].name.created_at
    lines = [f"• {code(str(b.name), MAX_NAME)} · {size(b.stored.size_bytes)} · {state(b)}" for b in line.page.backups]
    return listing(f"{name}: {count(line.page.total, 'backup')}, the newest {old(newest, at)}", lines, 900)


def render_details(shown: BackupDetails) -> View:
    """Render a backup's manifest and verification."""
    backup, name = shown.backup, str(shown.backup.name)
    proven = backup.verified
    what = f" ({LEVELS.get(proven.level, 'unknown level')}{_compared(backup)})" if proven else ""
    facts = [
        _age(backup, shown.at),
        f"Size: {size(backup.stored.size_bytes)} in {code(backup.stored.key, MAX_NAME + 20)}",
        f"sha256: {code(backup.stored.sha256, 80) if backup.stored.sha256 else 'not known'}",
        f"Verified: {state(backup)}{what}",
        f"Drills: {_drilled(shown)}",
    ]
    blocks = [header(f"Backup {name}"), section("\n".join(facts))]
    if backup.manifest is None:
        blocks.append(section("It has no manifest, so nothing says what should be in it."))
    else:
        blocks += _manifest(backup.manifest)
    return page(f"Backup {one_line(name, MAX_NAME)}", [*blocks, *actions(buttons.for_details(shown.environment, name))])


def _compared(backup: Backup) -> str:
    """Say what a passed level 3 has compared; nothing for any other verification."""
    proven = backup.verified
    if proven is None or proven.problem or proven.level < max(LEVELS):
        return ""
    manifest = "" if backup.manifest is None else " and compared with its manifest"
    signed = f"{manifest}, which is signed" if manifest and backup.is_signed else manifest
    return signed + (f"; {prose(proven.compared, 400)}" if proven.compared else "")


def _drilled(shown: BackupDetails) -> str:
    drill = shown.restored
    if drill is None or drill.ended_at is None:
        return "none has restored it"
    where = f"by drill {code(drill.id, 20)} in {one_line(drill.environment, 40)}"
    return f"last restored and compared {ago(drill.ended_at, shown.at)} {where}"


def _manifest(manifest: Manifest) -> list[Block]:
    server = f"{manifest.server_version // 10000}.{manifest.server_version % 10000}"
    tool = one_line(manifest.tool_version, 40)
    rows = sum(table.rows for table in manifest.tables)
    made = f"{' · '.join(_versions(manifest))} · PostgreSQL {server}, dumped by pg_dump {tool}"
    tables = sorted(manifest.tables, key=lambda table: (-table.rows, table.table))
    files = sorted(manifest.files, key=lambda file: -file.size_bytes)
    return [
        section(made + (f"\nTaken from {one_line(str(manifest.origin), 120)}" if manifest.origin else "")),
        section(
            listing(
                f"*{count(len(tables), 'table')}, {count(rows, 'row')}*",
                [f"• {code(table.table, 130)} {count(table.rows, 'row')}" for table in tables[:_TABLES_SHOWN]],
                MAX_SECTION,
                len(tables),
            )
        ),
        section(
            listing(
                f"*{count(len(files), 'file')}, {size(sum(file.size_bytes for file in files))}*",
                [
                    f"• {code(file.name, 100)} {size(file.size_bytes)}, sha256 {code(file.sha256[:12], 20)}"
                    for file in files[:_FILES_SHOWN]
                ],
                MAX_SECTION,
                len(files),
            )
        ),
    ]
