"""Archives as an enemy, a broken disk or an old script would make them."""

import gzip
import hashlib
import io
import tarfile
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from bot.adapters.storage import S3BackupStore
from bot.adapters.storage.documents import write_manifest, write_sidecar
from bot.domain.backups import Backup, BundleFile, Manifest, StoredObject
from bot.domain.environments import BackupTarget

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

NAME = "prod_nightly_20260105_020000"
KEY = f"{NAME}.tar.gz"
TOC = b"PGDMP\x01\x10\x00\x04\x08\x03" + bytes(200)
CUSTOM = b"PGDMP\x01\x10\x00\x04\x08\x01" + bytes(range(256)) * 20
FILES = {"dump/toc.dat": TOC, "dump/3412.dat": b"1\tAnna\n2\tBo\n" * 500}
PLAIN = b"""--
-- PostgreSQL database dump
--

\\restrict ABC123

SET standard_conforming_strings = on;
CREATE TABLE public.notes (id integer, note text);
COPY public.notes (id, note) FROM stdin;
1\t\\N
2\tC:\\\\temp\\nit's
\\\\!\techo
\\.

SELECT 'it''s', E'a\\'b', $x$ any; 'thing $x$;
--
-- PostgreSQL database dump complete
--

\\unrestrict ABC123

"""


def member(name: str, content: bytes = b"", **header: Any) -> tuple[tarfile.TarInfo, bytes]:
    """One member, its header as wished."""
    info = tarfile.TarInfo(name)
    info.size = len(content)
    for key, value in header.items():
        setattr(info, key, value)
    return info, content


def tar(*members: tuple[tarfile.TarInfo, bytes], form: Literal[0, 1, 2] = tarfile.GNU_FORMAT) -> bytes:
    """An archive of exactly that, uncompressed."""
    archive = b"".join(
        info.tobuf(form) + content + bytes(-len(content) % tarfile.BLOCKSIZE) for info, content in members
    )
    return archive + bytes(-len(archive) % tarfile.RECORDSIZE or tarfile.RECORDSIZE)


def tgz(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    """The same, compressed."""
    return gzip.compress(tar(*members), 1)


def old(content: bytes, name: str = "prod.sql") -> bytes:
    """A bundle of the old scripts with one file."""
    return tgz(member(name, content))


def manifest_for(files: dict[str, bytes], **changes: Any) -> Manifest:
    """The manifest of a bundle of ours with these files."""
    manifest = Manifest(
        format=1,
        name=NAME,
        environment="prod",
        label="nightly",
        created_at=datetime(2026, 1, 5, 2, 0, 0, tzinfo=UTC),
        app_version="v1.3.0",
        schema_version=27,
        server_version=180006,
        tool_version="18.6",
        files=tuple(BundleFile(name, len(text), hashlib.sha256(text).hexdigest()) for name, text in files.items()),
        tables=(),
    )
    return replace(manifest, **changes)


def ours(manifest: Manifest, files: dict[str, bytes]) -> bytes:
    """A bundle in our layout, whether or not the files fit the manifest."""
    return tgz(member("manifest.json", write_manifest(manifest)), *(member(n, text) for n, text in files.items()))


class Bucket:
    """A bucket where anybody may put anything."""

    def __init__(self, client: "S3Client", target: BackupTarget, store: S3BackupStore) -> None:
        self.client = client
        self.target = target
        self.store = store

    def plant(self, content: bytes, manifest: Manifest | None = None, *, sha256: str | None = None) -> Backup:
        """Put a bundle there, with a sidecar if there is a manifest, and find it like anyone would."""
        self.client.put_object(Bucket=self.target.bucket, Key=KEY, Body=content)
        if manifest is not None:
            about = StoredObject(KEY, len(content), sha256=sha256 or hashlib.sha256(content).hexdigest())
            sidecar = write_sidecar(manifest, about)
            self.client.put_object(Bucket=self.target.bucket, Key=f"{NAME}.manifest.json", Body=sidecar)
        found = self.store.find(NAME)
        assert found is not None
        assert (found.manifest is None) == (manifest is None)
        return found


def tar_of(files: dict[str, bytes], folder: str = "") -> bytes:
    """What ``tar -cz`` makes of files, through Python's own writer."""
    output = io.BytesIO()
    with tarfile.open(mode="w:gz", fileobj=output, compresslevel=1) as archive:
        for name, text in files.items():
            archive.addfile(*_file(f"{folder}{name}", text))
    return output.getvalue()


def _file(name: str, text: bytes) -> tuple[tarfile.TarInfo, io.BytesIO]:
    info, content = member(name, text)
    return info, io.BytesIO(content)
