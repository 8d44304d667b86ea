"""Measures the manual procedure, step by step as its document and scripts describe it."""

import subprocess
from collections.abc import Callable, Mapping

import psycopg
from psycopg import sql

from tests.bench.child import Figures, serve
from tests.bench.places import BUCKET, DATABASE, Places, Stopwatch

JOBS = 2


def answers(places: Places) -> Mapping[str, Callable[..., Figures]]:
    """Return the questions this process answers."""
    return {"backup": lambda: backup(places), "restore": lambda key: restore(places, key)}


def backup(places: Places) -> Figures:
    """``pg_dump | gzip > file``, then the upload."""
    watch, file = Stopwatch(), places.directory / "procedure.sql.gz"
    with watch.phase("dump"), file.open("wb") as output:
        dump = subprocess.Popen([places.tool("pg_dump"), places.owner_dsn], stdout=subprocess.PIPE)  # noqa: S603 -- our own server's tool
        subprocess.run(["gzip"], stdin=dump.stdout, stdout=output, check=True)  # noqa: S607 -- whichever gzip is here
        if dump.stdout:
            dump.stdout.close()
        if dump.wait():
            raise subprocess.CalledProcessError(dump.returncode, "pg_dump")
    with watch.phase("upload"):
        places.client().upload_file(str(file), BUCKET, "procedure.sql.gz")
    size_bytes = file.stat().st_size
    file.unlink()
    return {"seconds": watch.seconds, "size_bytes": size_bytes}


def restore(places: Places, key: str) -> Figures:
    """With the app stopped: download, unpack, drop, create, load. It gets as many jobs as we use."""
    watch, file = Stopwatch(), places.directory / "procedure.tar.gz"
    with watch.phase("download"):
        places.client().download_file(BUCKET, key, str(file))
    with watch.phase("unpack"):
        _run("tar", "-xzf", str(file), "-C", places.scratch)
    with psycopg.connect(places.superuser_dsn, autocommit=True) as conn:
        name = sql.Identifier(DATABASE)
        with watch.phase("drop"):
            conn.execute(sql.SQL("DROP DATABASE {}").format(name))
        with watch.phase("create"):
            conn.execute(sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE template0").format(name, name))
    with watch.phase("load"):
        target = places.superuser_dsn.rpartition("/")[0] + f"/{DATABASE}"
        _run(places.tool("pg_restore"), "-j", str(JOBS), "-d", target, str(places.directory / "dump"))
    with watch.phase("analyse"):  # no part of the procedure; here to compare like with like
        _run(places.tool("vacuumdb"), "--analyze-only", "--quiet", "-j", str(JOBS), "-d", target)
    return {"seconds": watch.seconds}


def _run(*command: str) -> None:
    subprocess.run(command, check=True)  # noqa: S603 -- our own server's tools


if __name__ == "__main__":
    serve(answers)
