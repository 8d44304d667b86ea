"""A live database with rows, its owner's role, and a dump of it to tamper with."""

import hashlib
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from bot.adapters.clock import SystemClock
from bot.adapters.database import LoaderLogin, Server, Tracking
from bot.adapters.dump_statements.toc import TocEntry, read_toc
from bot.adapters.pgclient.tools import PgTools
from bot.adapters.sides import PostgresSides
from bot.domain.backups import BundleKind
from bot.domain.environments import Timing
from bot.domain.runs import Progress
from bot.errors import PermanentError
from bot.ports import FetchedBundle
from bot.sandbox.physioflow.sample import create_bot_role
from bot.sandbox.postgres import PostgresServer, find_bin_dir

LIVE, OWNER, BOT, LOADER = "attacked", "attacked_owner", "attacked_bot", "attacked_loader"
FORMATS = {BundleKind.DIRECTORY: "directory", BundleKind.CUSTOM: "custom", BundleKind.TAR: "tar"}
ROOM = 900
"""Length of the comments that are replaced: the archive stays as long as it was, so its offsets hold."""

SCHEMA = f"""
CREATE TABLE patients (id int PRIMARY KEY, name text);
CREATE SEQUENCE tickets;
INSERT INTO patients SELECT i, 'p' || i FROM generate_series(1, 50) i;
CREATE TABLE visits (id int, patient int REFERENCES patients);
CREATE FUNCTION spy() RETURNS bool LANGUAGE plpgsql AS 'BEGIN RAISE ''ran''; END';
COMMENT ON TABLE patients IS '{"p" * ROOM}';
COMMENT ON TABLE visits IS '{"v" * ROOM}';
CREATE TABLE schema_migrations (version text PRIMARY KEY, name text);
INSERT INTO schema_migrations VALUES ('001', '001_all');
"""
WITNESSES = (
    "SELECT datname, datdba, datallowconn, datacl::text, shobj_description(oid, 'pg_database') FROM pg_database",
    # A role may change its own password: the loader's is set again afterwards, with another salt.
    f"SELECT oid, md5(rolpassword) FROM pg_authid WHERE rolname <> '{LOADER}'",
    "SELECT r FROM pg_roles r",
    "SELECT roleid, member, admin_option FROM pg_auth_members",
    "SELECT slot_name FROM pg_replication_slots",
    "SELECT oid FROM pg_largeobject_metadata",
    "SELECT defaclrole, defaclacl::text FROM pg_default_acl",
    "SELECT subname FROM pg_subscription",
    "SELECT spcname, spcacl::text FROM pg_tablespace",
    "SELECT setdatabase, setrole, setconfig::text FROM pg_db_role_setting",
    "SELECT oid, relname, relacl::text, relfilenode FROM pg_class",
    "SELECT oid, proname, md5(prosrc) FROM pg_proc",
    "SELECT id, name FROM patients",
    "SELECT version, name FROM schema_migrations",
    "SELECT name, setting FROM pg_file_settings",
)


def ignore(progress: Progress) -> None:
    """A report nobody reads."""
    del progress


@dataclass(frozen=True)
class Attacked:
    """The live database, its sides, and its dumps by format."""

    superuser_dsn: str
    sides: PostgresSides
    server: Server
    dumps: dict[BundleKind, Path]

    def look(self) -> str:
        """Hash everything that an attack could have changed on the server."""
        with psycopg.connect(self.superuser_dsn, autocommit=True) as conn:
            seen = [sorted(map(str, conn.execute(query.encode()).fetchall())) for query in WITNESSES]
        return hashlib.sha256(str(seen).encode()).hexdigest()

    def is_refused(self, bundle: FetchedBundle) -> PermanentError:
        """Load a bundle, which must be refused with nothing run."""
        before = self.look()
        with pytest.raises(PermanentError) as error:
            self.sides.load("r1", bundle, ignore)
        assert self.look() == before
        assert self.sides.list() == []
        return error.value

    def plain(self, path: Path, text: str) -> FetchedBundle:
        """A plain dump with that text between its own statements."""
        real = self.dumps[BundleKind.PLAIN].read_text()
        head, mark, tail = real.partition("CREATE TABLE public.visits")
        assert mark
        path.write_bytes(f"{head}{text}\n{mark}{tail}".encode())
        return FetchedBundle(BundleKind.PLAIN, path, None, 1, "prod_evil")

    def archive(self, path: Path, kind: BundleKind, *replaced: tuple[bytes, bytes]) -> FetchedBundle:
        """An archive in which texts are replaced by others of their length or less."""
        source = self.dumps[kind]
        if kind is BundleKind.DIRECTORY:
            shutil.copytree(source, path)
        else:
            shutil.copy(source, path)
        file = path / "toc.dat" if kind is BundleKind.DIRECTORY else path
        content = file.read_bytes()
        for old, new in replaced:
            assert content.count(old) == (2 if kind is BundleKind.TAR else 1)  # a tar archive has a script for readers
            assert len(new) <= len(old), (old, new)
            content = content.replace(old, new.ljust(len(old)), 1)
        file.write_bytes(content)
        return FetchedBundle(kind, path, None, 1, "prod_evil")

    def entry(self, kind: str, tag: str) -> TocEntry:
        """An entry of the directory dump."""
        found = read_toc(self.dumps[BundleKind.DIRECTORY], BundleKind.DIRECTORY)
        return next(entry for entry in found if (entry.kind, entry.tag) == (kind, tag))


@pytest.fixture(scope="session")
def attacked(postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Attacked]:
    with psycopg.connect(postgres.superuser_dsn, autocommit=True) as conn:
        conn.execute(f"CREATE ROLE {OWNER} LOGIN PASSWORD '{postgres.password}'".encode())
        conn.execute("CREATE ROLE attacked_stranger; CREATE ROLE attacked_app")
        create_bot_role(conn, {"bot": BOT, "owner": OWNER, "app": "attacked_app"}, postgres.password)
        conn.execute(f"CREATE ROLE {LOADER} LOGIN CONNECTION LIMIT 20 PASSWORD '{postgres.password}'".encode())
        conn.execute(f"GRANT {LOADER} TO {BOT}".encode())
        conn.execute(f"CREATE DATABASE {LIVE} OWNER {OWNER}".encode())
        conn.execute(f"REVOKE CONNECT ON DATABASE {LIVE} FROM PUBLIC".encode())
    dsn = postgres.dsn(OWNER, LIVE)
    with psycopg.connect(dsn, autocommit=True) as conn:
        conn.execute(SCHEMA.encode())
    folder = tmp_path_factory.mktemp("attacked")
    dumps = {kind: folder / name for kind, name in {**FORMATS, BundleKind.PLAIN: "plain"}.items()}
    for path in dumps.values():
        command = [str(find_bin_dir() / "pg_dump"), f"--format={path.name}", f"--file={path}", f"--dbname={dsn}"]
        subprocess.run(command, check=True)  # noqa: S603 -- our own tool
    server = Server(
        postgres.dsn(BOT, LIVE),
        Tracking("schema_migrations", ("version", "name")),
        Timing(),
        PgTools(find_bin_dir()),
        SystemClock(),
        loader=LoaderLogin(LOADER, postgres.password),
    )
    yield Attacked(postgres.dsn("postgres", LIVE), PostgresSides(server), server, dumps)
    with psycopg.connect(postgres.superuser_dsn, autocommit=True) as conn:
        conn.execute(f"DROP DATABASE {LIVE} WITH (FORCE)".encode())
        conn.execute(
            f"DROP OWNED BY {BOT}; DROP ROLE {BOT}, {OWNER}, {LOADER}, attacked_stranger, attacked_app".encode()
        )
