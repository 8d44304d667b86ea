"""Dumps of the test database in every format, and loads that are refused."""

import subprocess
from pathlib import Path

import pytest

from bot.domain.backups import BundleKind
from bot.errors import BotError
from bot.ports import FetchedBundle
from bot.sandbox.postgres import find_bin_dir
from tests.adapters.sides.conftest import Nasty, ignore

FORMATS = {BundleKind.CUSTOM: "custom", BundleKind.TAR: "tar", BundleKind.PLAIN: "plain"}


def dump_as(nasty: Nasty, kind: BundleKind, path: Path) -> FetchedBundle:
    """A dump as the old scripts made them."""
    command = [
        str(find_bin_dir() / "pg_dump"),
        f"--format={FORMATS[kind]}",
        f"--file={path}",
        f"--dbname={nasty.owner_dsn}",
    ]
    subprocess.run(command, check=True)  # noqa: S603 -- our own tool
    return FetchedBundle(kind, path, None, path.stat().st_size)


def plain(path: Path, text: str) -> FetchedBundle:
    path.write_text(text)
    return FetchedBundle(BundleKind.PLAIN, path, None, len(text))


def refused(nasty: Nasty, bundle: FetchedBundle) -> BotError:
    """The error a load ends with; nothing is left."""
    with pytest.raises(BotError) as error:
        nasty.sides.load("r1", bundle, ignore)
    assert nasty.sides.list() == []
    return error.value
