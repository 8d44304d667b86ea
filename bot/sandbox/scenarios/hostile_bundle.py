"""Puts bundles into the bucket that would do more than restore a database; none of them may run."""

import gzip
import io
import tarfile
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from bot.adapters.dump_statements.toc import TocEntry, read_toc
from bot.domain.backups import BundleKind
from bot.domain.drills import DrillKind
from bot.sandbox.scenarios.before import check_untouched
from bot.sandbox.scenarios.drill_requests import await_end, begin, check_clean, read_message, read_result
from bot.sandbox.scenarios.forgery import plant_tampered
from bot.sandbox.scenarios.restore import Then, back_up, clear, prints, problem
from bot.sandbox.scenarios.restore_checks import beside
from bot.sandbox.story import Story, texts

TOC = "dump/toc.dat"
REFUSED = "bundle-unsafe-statement"
DROP = "DROP DATABASE physioflow_prod WITH (FORCE);"
HEAD = (
    "--\n-- PostgreSQL database dump\n--\n\nSET client_encoding = 'UTF8';\n"
    "CREATE TABLE public.t (id integer, name text);\n"
    "COPY public.t (id) FROM stdin;\n0\n\\.\n"  # a dump without rows is refused as a part, before it is read
)
FOOT = "\n--\n-- PostgreSQL database dump complete\n--\n\n"
DEEDS = (
    "PERFORM pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename IN ('physioflow_app', 'physioflow_prod')",
    "EXECUTE 'SET ROLE physioflow_prod'",
    "EXECUTE format('ALTER ROLE physioflow_prod PASSWORD %L', 'known')",
    "EXECUTE 'ALTER DATABASE physioflow_prod ALLOW_CONNECTIONS false'",
    "EXECUTE 'ALTER DATABASE physioflow_prod RENAME TO gone'",
    "EXECUTE 'GRANT physioflow_prod TO CURRENT_USER'",
    "EXECUTE 'REASSIGN OWNED BY physioflow_prod TO CURRENT_USER'",
    "EXECUTE 'CREATE ROLE attacker SUPERUSER'",
    "EXECUTE format('COPY (SELECT 1) TO PROGRAM %L', 'id')",
    "EXECUTE 'CREATE EXTENSION dblink'",
    "PERFORM set_config('session_preload_libraries', 'x', false)",
    "EXECUTE 'ALTER ROLE CURRENT_USER SUPERUSER'",
    "EXECUTE 'ALTER ROLE CURRENT_USER IN DATABASE physioflow_prod SET search_path TO public'",
    "EXECUTE 'ALTER ROLE CURRENT_USER SET default_transaction_read_only TO on'",
    "EXECUTE format('ALTER ROLE CURRENT_USER PASSWORD %L', 'known')",
)
"""What a function tries while a bundle is loaded: the last three a role may do to itself, and they give it away."""
HARM = (
    "CREATE FUNCTION public.harm() RETURNS text LANGUAGE plpgsql AS $harm$ BEGIN\n"
    + "".join(f"BEGIN {deed}; EXCEPTION WHEN OTHERS THEN NULL; END;\n" for deed in DEEDS)
    + "RETURN 'done'; END $harm$;\n"
    "CREATE FUNCTION public.calm(text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN public.harm(); END';\n"
)
ROWS = "COPY public.t (id) FROM stdin;\n1\n\\.\n"
PLAIN: Mapping[str, str] = {
    "plain-drop": DROP,
    "plain-role": "CREATE ROLE attacker LOGIN SUPERUSER;",
    "plain-do": "DO $$ BEGIN EXECUTE 'ALTER ROLE CURRENT_USER PASSWORD NULL'; END $$;",
    "plain-program": "COPY public.t (id) TO PROGRAM 'id';",
    "plain-rows": f"COPY public.t (id) FROM stdin;\n1\n\\.\n/* rows end */ {DROP}",
    "plain-default": f"{HARM}ALTER TABLE public.t ALTER COLUMN name SET DEFAULT public.harm();\n{ROWS}",
    "plain-trigger": (
        f"{HARM}CREATE FUNCTION public.fire() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM public.harm(); "
        "RETURN NEW; END';\n"
        f"CREATE TRIGGER fire BEFORE INSERT ON public.t FOR EACH ROW EXECUTE FUNCTION public.fire();\n{ROWS}"
    ),
    "plain-view": (
        f"{HARM}CREATE MATERIALIZED VIEW public.seen AS SELECT public.harm() WITH NO DATA;\n"
        "REFRESH MATERIALIZED VIEW public.seen;\n"
    ),
}
"""SQL in a plain dump, by the bundle's label."""
ENTRIES: Mapping[str, tuple[str, str, str]] = {
    "table": ("TABLE", "definition", DROP),
    "index": ("INDEX", "definition", "ALTER SYSTEM SET archive_mode = off;"),
    "view": ("VIEW", "definition", "SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity;"),
    "sequence": ("SEQUENCE SET", "definition", f"SELECT pg_catalog.setval('public.s', 1); {DROP}"),
    "path": ("SEARCHPATH", "definition", DROP),
    "rows": ("TABLE DATA", "copy", "COPY pg_catalog.pg_authid FROM PROGRAM 'id';"),
    "owner": ("TABLE", "removal", f"DROP TABLE public.t; {DROP}"),
}
"""Texts of a directory dump's entries that are replaced: kind of entry, which of its texts, SQL."""
ADDED: Mapping[str, str] = {
    "calm-index": f"{HARM}CREATE INDEX calm ON public.patients (public.calm('x'));",
    "calm-check": f"{HARM}ALTER TABLE public.patients ADD CONSTRAINT calm CHECK (public.calm('x') IS NOT NULL);",
}
"""SQL that a directory dump has besides its own: it reads well, and runs its functions."""
FINGERPRINT = """
SELECT md5(string_agg(line, ' ' ORDER BY line)) FROM (
    SELECT concat_ws(' ', c.oid, relname, relfilenode, relowner, relacl::text) AS line FROM pg_class c
    UNION ALL SELECT concat_ws(' ', p.oid, proname, md5(prosrc), proowner, proacl::text) FROM pg_proc p
    UNION ALL SELECT concat_ws(' ', r.oid, rolname, rolsuper, rolcreaterole, rolcreatedb,
        -- a loader's password is set again where a bundle has changed it
        CASE WHEN rolname !~ '_loader$' THEN rolpassword END) FROM pg_authid r
    UNION ALL SELECT concat_ws(' ', roleid, member) FROM pg_auth_members
    UNION ALL SELECT concat_ws(' ', setdatabase, setrole, setconfig::text) FROM pg_db_role_setting
    UNION ALL SELECT concat_ws(' ', d.oid, datname, datdba, datallowconn, datacl::text) FROM pg_database d
    UNION ALL SELECT concat_ws(' ', oid, conname, pg_get_constraintdef(oid)) FROM pg_constraint
) AS lines
"""


def hostile_bundle(story: Story) -> None:
    """Seventeen hostile bundles are verified, restored, drilled with: each is refused by name and reaches nothing."""
    then = back_up(story)
    print_before = story.database.ask(FINGERPRINT)
    for label, sql in PLAIN.items():
        _verify(story, _plant_plain(story, label, sql))
    for label, (kind, text, sql) in ENTRIES.items():
        _verify(story, plant_tampered(story, then.bundle, label, _replacing(kind, text, sql)))
    for label, sql in ADDED.items():
        _verify(story, plant_tampered(story, then.bundle, label, _adding(sql)))
    for label, sql in ADDED.items():
        _restore(story, plant_tampered(story, then.bundle, f"again-{label}", _adding(sql)))
        _drill(story, plant_tampered(story, then.bundle, f"drill-{label}", _adding(sql)))
    for label in ("index", "sequence", "owner"):
        _restore(story, plant_tampered(story, then.bundle, f"again-{label}", _replacing(*ENTRIES[label])))
    for label in ("table", "rows"):
        _drill(story, plant_tampered(story, then.bundle, f"drill-{label}", _replacing(*ENTRIES[label])))
    _check_production(story, then, print_before)
    clear(story, then)
    story.bucket.clear()  # later stories expect a sound bucket


def _plant_plain(story: Story, label: str, sql: str) -> str:
    """Put an old script's bundle there, with a plain dump and no manifest."""
    content, archive = (HEAD + sql + FOOT).encode(), io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        member = tarfile.TarInfo("backup.sql")
        member.size = len(content)
        tar.addfile(member, io.BytesIO(content))
    name = f"prod_{label}_20260105_020000"
    client = story.sandbox.store.client()
    body = gzip.compress(archive.getvalue())
    client.put_object(Bucket=f"physioflow-backups-{story.environment}", Key=f"{name}.tar.gz", Body=body)
    return name


def _replacing(kind: str, text: str, sql: str) -> Callable[[dict[str, bytes]], None]:
    """Return what replaces one text of the first entry of a kind."""

    def tamper(members: dict[str, bytes]) -> None:
        toc = members[TOC]
        entry = next(entry for entry in _entries(toc) if entry.kind == kind and getattr(entry, text))
        old = getattr(entry, text)
        members[TOC] = toc.replace(_written(old), _written(sql.encode()), 1)

    return tamper


def _adding(sql: str) -> Callable[[dict[str, bytes]], None]:
    """Return what adds SQL to the definition of the last index, when all tables have their rows."""

    def tamper(members: dict[str, bytes]) -> None:
        toc = members[TOC]
        old = [entry for entry in _entries(toc) if entry.kind == "INDEX"][-1].definition
        members[TOC] = toc.replace(_written(old), _written(old + b"\n" + sql.encode()), 1)

    return tamper


def _entries(toc: bytes) -> list[TocEntry]:
    with tempfile.TemporaryDirectory() as directory:
        (Path(directory) / "toc.dat").write_bytes(toc)
        return list(read_toc(Path(directory), BundleKind.DIRECTORY))


def _written(text: bytes) -> bytes:
    """Write a text as pg_dump does: a sign, its length, its bytes."""
    return b"\0" + len(text).to_bytes(4, "little") + text


def _verify(story: Story, name: str) -> None:
    story.command(story.cast.engineer, f"/backups prod verify {name} 3")
    reported = story.answer(story.cast.engineer, name, "did NOT pass", timeout_s=60.0)
    # psql's own COPY is refused while the bundle is unpacked already
    story.checks.says(f"level 3 of {name} is refused by name", reported, "bundle-unsafe")


def _restore(story: Story, name: str) -> None:
    """Ask for a restore, have it approved, and see it fail before anything was loaded."""
    checks = story.checks
    shown = {message["ts"] for message in story.fresh()}
    story.command(story.cast.oncall, f"/rollback prod {name} --reason somebody put it there")
    story.wait(lambda: story.card()["ts"] not in shown, "the run's card")
    story.request()
    story.approve()
    story.wait_state("failed", "succeeded", "parked", timeout_s=150)
    story.settle()
    checks.equal(f"the restore of {name} failed", story.state(), "failed")
    checks.says("the reason is named", problem(story), REFUSED, name)
    checks.says("the thread says that all is as it was", texts(story.thread()), REFUSED, "as it was")
    checks.equal("no database is left beside it", beside(story), [])


def _drill(story: Story, name: str) -> None:
    staging = Story(story.sandbox, story.screen, story.slack, "staging")
    staging.checks = story.checks
    drill_id = begin(staging, DrillKind.BUNDLE, "prod")
    await_end(staging, drill_id)
    state, why = read_result(staging, drill_id)
    story.checks.equal(f"the drill with {name} is red", state, "failed")
    story.checks.says("it says why", why, REFUSED, name)
    story.checks.says("so does its message", read_message(staging, drill_id), REFUSED)
    check_clean(staging)


def _check_production(story: Story, then: Then, print_before: object) -> None:
    checks = story.checks
    checks.equal(
        "production's catalogue, roles and databases are as before", story.database.ask(FINGERPRINT), print_before
    )
    checks.equal("production's rows are as before", prints(story, then.manifest), then.prints)
    checks.equal("nothing is left in the scratch directory", story.sandbox.scratch_left(), [])
    check_untouched(story, then.before)
