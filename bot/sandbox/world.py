"""Reads the catalogue, rows, workloads and bucket directly, past the bot."""

import gzip
import io
import json
import tarfile
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql
from psycopg_pool import ConnectionPool

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

Json = dict[str, Any]


class DatabaseWorld:
    """An environment's database, seen by a superuser."""

    def __init__(self, superuser_dsn: str, name: str) -> None:
        self._dsn = superuser_dsn
        self.name = name

    def connect(self, **options: Any) -> psycopg.Connection[Any]:
        """Open a superuser's session; close it yourself."""
        return psycopg.connect(self._dsn, dbname=self.name, autocommit=True, **options)

    def ask(self, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """Run a query."""
        with self.connect() as connection:
            rows: list[tuple[Any, ...]] = connection.execute(query.encode(), parameters).fetchall()
            return rows

    def run(self, *statements: str) -> None:
        """Run statements, each for itself."""
        with self.connect() as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def exists(self, relation: str) -> bool:
        """Tell whether a table, view or materialized view is there."""
        return bool(self.ask("SELECT to_regclass(%s) IS NOT NULL", relation)[0][0])

    def has_function(self, name: str) -> bool:
        """Tell whether a function of that name is there."""
        return bool(self.ask("SELECT EXISTS (SELECT FROM pg_proc WHERE proname = %s)", name)[0][0])

    def count(self, relation: str) -> int:
        """Exact number of rows."""
        with self.connect() as connection:
            query = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(relation))
            row = connection.execute(query).fetchone()
            return int(row[0]) if row else 0

    def count_rows(self, table: str) -> int:
        """Exact number of rows of a table named with its schema, as a manifest names it."""
        return int(self.ask(f"SELECT count(*) FROM {table}")[0][0])

    def count_beside(self, database: str, relation: str) -> int:
        """Exact number of rows in another database of the server, opened for that moment; -1 if there is none."""
        name = sql.Identifier(database)
        with psycopg.connect(self._dsn, autocommit=True) as conn:
            if conn.execute("SELECT FROM pg_database WHERE datname = %s", (database,)).fetchone() is None:
                return -1
            conn.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS true").format(name))
            try:
                return DatabaseWorld(self._dsn, database).count(relation)
            finally:
                conn.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(name))

    def migrations(self) -> list[int]:
        """Applied migrations, by the name's leading digits."""
        return [int(row[0]) for row in self.ask("SELECT left(name, 3) FROM schema_migrations ORDER BY name")]

    def is_open(self) -> bool:
        """Tell whether it accepts connections."""
        with psycopg.connect(self._dsn, autocommit=True) as connection:
            row = connection.execute("SELECT datallowconn FROM pg_database WHERE datname = %s", (self.name,)).fetchone()
            return bool(row and row[0])

    def leftovers(self) -> list[str]:
        """Databases the bot made and did not drop."""
        with psycopg.connect(self._dsn, autocommit=True) as connection:
            rows = connection.execute(
                "SELECT datname FROM pg_database WHERE datname LIKE 'backstop\\_shadow%'"
            ).fetchall()
            return [row[0] for row in rows]


class StateWorld(DatabaseWorld):
    """The bot's own database. Stories query it many times per second, so it keeps sessions open; `close` ends them."""

    def __init__(self, superuser_dsn: str, name: str) -> None:
        super().__init__(superuser_dsn, name)
        options = {"dbname": name, "autocommit": True}
        check = ConnectionPool.check_connection  # a story may have restarted the server
        self._pool = ConnectionPool(superuser_dsn, kwargs=options, min_size=0, max_size=4, check=check, open=True)

    def ask(self, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """Run a query."""
        with self._pool.connection() as connection:
            rows: list[tuple[Any, ...]] = connection.execute(query.encode(), parameters).fetchall()
            return rows

    def close(self) -> None:
        """End the sessions."""
        self._pool.close()


class BucketWorld:
    """An environment's bucket."""

    def __init__(self, client: "S3Client", bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def list_keys(self, prefix: str = "") -> list[str]:
        """Every key, sorted."""
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix)
        return sorted(item["Key"] for page in pages for item in page.get("Contents", []))

    def clear(self) -> None:
        """Delete everything, old versions included."""
        for page in self._client.get_paginator("list_object_versions").paginate(Bucket=self._bucket):
            for item in (*page.get("Versions", []), *page.get("DeleteMarkers", [])):
                self._client.delete_object(Bucket=self._bucket, Key=item["Key"], VersionId=item["VersionId"])

    def read(self, key: str) -> bytes:
        """An object's bytes."""
        return self._client.get_object(Bucket=self._bucket, Key=key)["Body"].read()

    def csv_rows(self, key: str) -> int:
        """Rows of a gzip-compressed CSV with a header line; sample data has no line breaks in fields."""
        return len(gzip.decompress(self.read(key)).decode().splitlines()) - 1

    def bundle(self, run_id: str) -> Json:
        """A run's emergency backup: its manifest from inside the archive, and the archive's member names."""
        key = next(key for key in self.list_keys() if run_id in key and key.endswith(".tar.gz"))
        with tarfile.open(fileobj=io.BytesIO(self.read(key)), mode="r:gz") as archive:
            names = archive.getnames()
            member = archive.extractfile(next(name for name in names if name.endswith("manifest.json")))
            manifest: Json = json.load(member) if member else {}
        return {"key": key, "names": names, "manifest": manifest, "sidecar": self._sidecar(key) in self.list_keys()}

    @staticmethod
    def _sidecar(key: str) -> str:
        return key.removesuffix(".tar.gz") + ".manifest.json"


def deployments(state: Json, namespace: str) -> dict[str, Json]:
    """The Deployments of a namespace in ``GET /sandbox/state``, by name."""
    found: dict[str, Json] = state["namespaces"][namespace]["deployments"]
    return found


def services(state: Json, namespace: str) -> dict[str, Json]:
    """The Services of a namespace, by name."""
    found: dict[str, Json] = state["namespaces"][namespace]["services"]
    return found
