"""Hostile and damaged bundles, each with the reference of the error it gets; nothing of any is left behind."""

import gzip
import io
import os
import tarfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bot.adapters.storage import S3BackupStore, reading
from bot.domain.backups import BundleFile, Manifest
from bot.domain.bundle_limits import BundleLimits
from bot.domain.environments import BackupTarget
from bot.errors import PermanentError
from tests.adapters.storage.archives import (
    CUSTOM,
    FILES,
    NAME,
    PLAIN,
    TOC,
    Bucket,
    manifest_for,
    member,
    old,
    ours,
    tar,
    tgz,
)
from tests.adapters.storage.bucket import ignore
from tests.fakes.keyring import KEYRING

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

GOOD = member("toc.dat", TOC)
MANIFEST = manifest_for(FILES)
UNSAFE, DAMAGED, UNKNOWN, FOREIGN = "bundle-unsafe", "bundle-damaged", "bundle-unknown", "bundle-foreign"


def pax(records: bytes, name: str = "PaxHeaders/toc.dat") -> tuple[tarfile.TarInfo, bytes]:
    return member(name, records, type=tarfile.XHDTYPE)


def record(key: str, value: str) -> bytes:
    body = f" {key}={value}\n".encode()
    length = len(body) + 2 if len(body) < 98 else len(body) + 3
    return str(length).encode() + body


def huge_declared() -> bytes:
    info, _ = member("toc.dat")
    info.size = 1 << 50
    return gzip.compress(info.tobuf(tarfile.GNU_FORMAT))


def sparse() -> bytes:
    return tgz(member("toc.dat", TOC, type=tarfile.GNUTYPE_SPARSE))


def cut(content: bytes, share: float) -> bytes:
    return content[: int(len(content) * share)]


def insert(sql: bytes) -> bytes:
    return PLAIN.replace(b"SELECT 'it", sql + b"\nSELECT 'it", 1)


GOOD_PLAIN = old(PLAIN)
RANDOM = old(b"SELECT '" + os.urandom(50_000).hex().encode() + b"';\n")

ATOMIC = b"CREATE FUNCTION f() RETURNS int LANGUAGE sql BEGIN ATOMIC\n "

OLD_BUNDLES: dict[str, tuple[bytes, str, str]] = {
    "traversal": (tgz(GOOD, member("../3412.dat", b"x")), UNSAFE, "'../3412.dat'"),
    "traversal in a folder": (tgz(member("dump/../../x.sql", PLAIN)), UNSAFE, "not allowed"),
    "traversal by a folder's name": (tgz(member("../toc.dat", TOC)), UNSAFE, "not allowed"),
    "absolute": (tgz(member("/etc/cron.d/x.sql", PLAIN)), UNSAFE, "not allowed"),
    "backslashes": (tgz(member("..\\x.sql", PLAIN)), UNSAFE, "not allowed"),
    "hidden file": (tgz(member(".psqlrc", PLAIN)), UNSAFE, "not allowed"),
    "symlink": (tgz(GOOD, member("3412.dat", type=tarfile.SYMTYPE, linkname="/etc")), UNSAFE, "symbolic link"),
    "hard link": (tgz(GOOD, member("3412.dat", type=tarfile.LNKTYPE, linkname="toc.dat")), UNSAFE, "hard link"),
    "device": (tgz(member("toc.dat", type=tarfile.BLKTYPE, devmajor=8)), UNSAFE, "device"),
    "character device": (tgz(member("toc.dat", type=tarfile.CHRTYPE)), UNSAFE, "device"),
    "pipe": (tgz(member("toc.dat", type=tarfile.FIFOTYPE)), UNSAFE, "pipe"),
    "unknown kind": (tgz(member("toc.dat", type=b"V")), UNSAFE, "unknown kind"),
    "directory with a bad name": (tgz(member("../up", type=tarfile.DIRTYPE), GOOD), UNSAFE, "not allowed"),
    "directory with content": (tgz(member("dump", b"x" * 9, type=tarfile.DIRTYPE)), UNSAFE, "impossible size"),
    "two folders": (tgz(member("a/toc.dat", TOC), member("b/1.dat", b"x")), UNSAFE, "another folder"),
    "duplicate": (tgz(GOOD, member("1.dat", b"x"), member("1.dat", b"y")), UNSAFE, "twice"),
    "duplicate, spelled otherwise": (tgz(member("./toc.dat", TOC), member("toc.dat", TOC)), UNSAFE, "twice"),
    "two dumps": (tgz(member("a.sql", PLAIN), member("b.sql", PLAIN)), UNSAFE, "does not belong"),
    "a stranger beside the dump": (tgz(member("a.sql", PLAIN), member("run.sh", b"x")), UNSAFE, "does not belong"),
    "bomb": (tgz(member("toc.dat", TOC + bytes(20 * 1024**2))), UNSAFE, "200 times"),
    "bomb in a bomb": (old(gzip.compress(b"SELECT 1;\n" + b" " * 30 * 1024**2, 9)), UNSAFE, "200 times"),
    "bomb behind the end": (gzip.compress(tar(GOOD) + bytes(40 * 1024**2)), UNSAFE, "200 times"),
    "huge declared size": (huge_declared(), UNSAFE, "200 times"),
    "sparse": (sparse(), UNSAFE, "sparse"),
    "pax path": (tgz(pax(record("path", "../../x")), GOOD), UNSAFE, "overrides 'path'"),
    "pax link": (tgz(pax(record("linkpath", "/etc/passwd")), GOOD), UNSAFE, "overrides 'linkpath'"),
    "pax sparse": (tgz(pax(record("GNU.sparse.major", "1")), GOOD), UNSAFE, "GNU.sparse.major"),
    "pax size": (tgz(pax(record("size", "9" * 18)), GOOD), UNSAFE, "200 times"),
    "pax malformed": (tgz(pax(b"99999 mtime=1\n"), GOOD), UNSAFE, "malformed"),
    "pax of zero length": (tgz(pax(b"0 mtime=1\n"), GOOD), UNSAFE, "malformed"),
    "pax too large": (tgz(pax(record("comment", "x" * 900) * 80), GOOD), UNSAFE, "impossible size"),
    "pax for all": (tgz(member("g", record("mtime", "1"), type=tarfile.XGLTYPE), GOOD), UNSAFE, "changes what"),
    "pax upon pax": (tgz(*[pax(record("mtime", "1"))] * 9, GOOD), UNSAFE, "belong to nothing"),
    "long name": (
        tgz(member("././@LongLink", b"../" * 50 + b"\0", type=tarfile.GNUTYPE_LONGNAME), GOOD),
        UNSAFE,
        "not allowed",
    ),
    "longer name": (
        tgz(member("././@LongLink", b"a" * 5000, type=tarfile.GNUTYPE_LONGNAME), GOOD),
        UNSAFE,
        "impossible size",
    ),
    "name with a newline": (tgz(member("a\n✗ all is well.sql", PLAIN)), UNSAFE, r"'a\n\u2717 all is well.sql'"),
    "name with a terminal's escape": (tgz(member("\x1b[2Ja.sql", PLAIN)), UNSAFE, r"'\x1b[2Ja.sql'"),
    "hidden second archive": (gzip.compress(tar(GOOD) + tar(member("../x", b"x"))), UNSAFE, "behind the archive's end"),
    "ours without its manifest": (ours(MANIFEST, FILES), DAMAGED, "no manifest beside"),
    "cut at 10 %": (cut(RANDOM, 0.1), DAMAGED, "cut short"),
    "cut at 50 %": (cut(RANDOM, 0.5), DAMAGED, "cut short"),
    "cut at 99 %": (cut(RANDOM, 0.99), DAMAGED, "cut short"),
    "without gzip's trailer": (GOOD_PLAIN[:-8], DAMAGED, "cut short"),
    "with half of gzip's trailer": (GOOD_PLAIN[:-4], DAMAGED, "cut short"),
    "wrong checksum of gzip": (GOOD_PLAIN[:-8] + bytes(4) + GOOD_PLAIN[-4:], DAMAGED, "broken"),
    "something behind gzip": (GOOD_PLAIN + b"#!/bin/sh", DAMAGED, "broken"),
    "archive cut before it was compressed": (gzip.compress(tar(GOOD)[:600]), DAMAGED, "middle of a member"),
    "archive without its end": (gzip.compress(tar(GOOD)[:1024]), DAMAGED, "cut short"),
    "broken header": (gzip.compress(tar(GOOD)[:1024] + b"x" * 512), DAMAGED, "header is broken"),
    "plain dump cut short": (old(PLAIN[: PLAIN.index(b"-- PostgreSQL database dump c")]), DAMAGED, "cut short"),
    "plain dump cut in its rows": (old(PLAIN[: PLAIN.index(b"\\.\n")]), DAMAGED, "cut short"),
    "inner gzip cut short": (old(gzip.compress(PLAIN)[:-9], "prod.sql.gz"), DAMAGED, "cut short"),
    "empty object": (b"", UNKNOWN, "empty"),
    "empty archive": (tgz(), UNKNOWN, "empty"),
    "folders only": (tgz(member("dump", type=tarfile.DIRTYPE)), UNKNOWN, "empty"),
    "not compressed": (tar(GOOD), UNKNOWN, "not gzip-compressed"),
    "no archive": (gzip.compress(PLAIN * 9), UNKNOWN, "no tar archive"),
    "no archive, and short": (gzip.compress(b"hello"), UNKNOWN, "no tar archive"),
    "no dump": (old(b"GIF89a" + bytes(500), "cat.dump"), UNKNOWN, "no dump by its content"),
    "prose": (old(b"Dear all, please find attached\n"), UNKNOWN, "no dump by its content"),
    "empty file": (old(b""), UNKNOWN, "no dump by its content"),
    "table of contents of another tool": (tgz(member("toc.dat", b"hello")), UNKNOWN, "no table of contents of pg_dump"),
    "directory without contents": (tgz(member("3412.dat", b"x")), UNKNOWN, "no table of contents"),
    "shell": (old(insert(b"\\! id")), UNSAFE, "command for psql"),
    "shell within a line": (old(insert(b"SELECT 1; \\! id")), UNSAFE, "command for psql"),
    "copy by psql": (old(insert(b"  \\copy t to program 'id'")), UNSAFE, "command for psql"),
    "include": (old(insert(b"\\i /etc/passwd")), UNSAFE, "command for psql"),
    "connect": (old(insert(b"\\connect other")), UNSAFE, "command for psql"),
    "hostile object name": (old(insert(b"-- Name: t\n\\! id; Type: TABLE")), UNSAFE, "command for psql"),
    "hostile name, carriage return": (old(insert(b"-- Name: t\r\\! id\n")), UNSAFE, "command for psql"),
    "end of rows outside of rows": (old(insert(b"\\.")), UNSAFE, "command for psql"),
    "command after rows": (old(insert(b"COPY t FROM stdin;\n1\n\\.\n\\! id")), UNSAFE, "command for psql"),
    "command in rows": (old(insert(b"COPY t FROM stdin;\n\\! id\n\\.")), UNSAFE, "escape in its rows"),
    "command in a quote that is none": (old(insert(b"SELECT E'\\\\'; \\! id '")), UNSAFE, "command for psql"),
    "line in a string": (old(insert(b"SELECT '\n\\! id\n';")), UNSAFE, "takes for a command"),
    "line in a body": (old(insert(b"DO $$\n\\! id\n$$;")), UNSAFE, "takes for a command"),
    "other quoting": (old(insert(b"SET standard_conforming_strings = off;")), UNSAFE, "how strings are quoted"),
    "joined strings": (old(insert(b"SELECT E'a'\n'b\\'; \\! id';")), UNSAFE, "continue each other"),
    "quote in a word": (old(insert(b"SELECT a$b$ ' $b$;")), UNSAFE, "inside a word"),
    "copy in a comment": (old(insert(b"/* COPY t FROM stdin;\n*/ \\! id")), UNSAFE, "command for psql"),
    "copy in parentheses": (old(insert(b"SELECT (1; COPY t FROM stdin;\n\\f `id`\n\\.")), UNSAFE, "command for psql"),
    "copy that opens a parenthesis": (
        old(insert(b"COPY t (a FROM stdin;\n\\f `id`\n\\.")),
        UNSAFE,
        "COPY that pg_dump does not",
    ),
    "copy in a body": (
        old(insert(ATOMIC + b"SELECT 1; COPY t FROM stdin;\n\\f `id`\n\\.")),
        UNSAFE,
        "command for psql",
    ),
    "copy from a program": (old(insert(b"COPY t FROM PROGRAM 'id';")), UNSAFE, "COPY that pg_dump"),
    "shell in a compressed dump": (old(gzip.compress(insert(b"\\! id")), "a.sql.gz"), UNSAFE, "command for psql"),
    "plain dump that calls itself custom": (old(insert(b"\\! id"), "prod.dump"), UNSAFE, "command for psql"),
}


def with_file(name: str, content: bytes = b"x") -> dict[str, bytes]:
    return FILES | {name: content}


TAMPERED = FILES | {"dump/3412.dat": b"1\tEva!\n2\tBo\n" * 500}
LONGER = FILES | {"dump/3412.dat": b"1\tAnna\n2\tBo\n" * 501}
FEWER = {"dump/toc.dat": TOC}
STAGING = replace(MANIFEST, environment="staging")

OUR_BUNDLES: dict[str, tuple[bytes, Manifest, str, str]] = {
    "tampered member": (ours(MANIFEST, TAMPERED), MANIFEST, DAMAGED, "'dump/3412.dat' is not what was dumped"),
    "longer member": (ours(MANIFEST, LONGER), MANIFEST, DAMAGED, "bytes instead of"),
    "missing member": (ours(MANIFEST, FEWER), MANIFEST, DAMAGED, "'dump/3412.dat' is missing"),
    "extra member": (ours(MANIFEST, with_file("dump/9.dat")), MANIFEST, UNSAFE, "not in the manifest"),
    "traversal": (ours(MANIFEST, with_file("dump/../9.dat")), MANIFEST, UNSAFE, "not allowed"),
    "traversal the manifest allows": (
        ours(manifest_for(with_file("dump/../../x")), with_file("dump/../../x")),
        manifest_for(with_file("dump/../../x")),
        UNSAFE,
        "not allowed",
    ),
    "outside of the dump": (ours(MANIFEST, with_file("etc/passwd")), MANIFEST, UNSAFE, "not allowed"),
    "manifest twice": (ours(MANIFEST, with_file("manifest.json")), MANIFEST, UNSAFE, "twice"),
    "directory": (tgz(member("dump", type=tarfile.DIRTYPE)), MANIFEST, UNSAFE, "ours have none"),
    "manifest not first": (tgz(member("dump/toc.dat", TOC)), MANIFEST, UNSAFE, "where the manifest should"),
    "manifest too large": (
        tgz(member("manifest.json", bytes(17 * 1024**2))),
        MANIFEST,
        UNSAFE,
        "unpacks to more than its manifest says|too large",
    ),
    "manifest no json": (tgz(member("manifest.json", b"{")), MANIFEST, DAMAGED, "beside the bundle"),
    "tampered manifest inside": (ours(replace(MANIFEST, schema_version=26), FILES), MANIFEST, DAMAGED, "beside"),
    "tampered manifest outside": (ours(MANIFEST, FILES), replace(MANIFEST, schema_version=26), DAMAGED, "beside"),
    "wrong environment": (ours(STAGING, FILES), STAGING, FOREIGN, "'staging'"),
    "another label": (ours(MANIFEST, FILES), replace(MANIFEST, label="other"), DAMAGED, "another backup"),
    "bomb": (ours(MANIFEST, with_file("dump/9.dat", bytes(40 * 1024**2))), MANIFEST, UNSAFE, "manifest"),
    "empty": (tgz(), MANIFEST, DAMAGED, "missing"),
    "no contents": (
        ours(manifest_for({"dump/1.dat": b"x"}), {"dump/1.dat": b"x"}),
        manifest_for({"dump/1.dat": b"x"}),
        UNKNOWN,
        "no table of contents",
    ),
}


@pytest.fixture
def refused(bucket: Bucket, tmp_path: Path) -> Callable[..., PermanentError]:
    """Fetch and verify a bundle, both in vain; gives the error."""

    def refuse(content: bytes, manifest: Manifest | None = None, sha256: str | None = None) -> PermanentError:
        backup = bucket.plant(content, manifest, sha256=sha256)
        outside = tmp_path / "outside"
        scratch = outside / "scratch"
        with pytest.raises(PermanentError) as fetching:
            bucket.store.fetch(backup, scratch, ignore)
        with pytest.raises(PermanentError) as verifying:
            bucket.store.verify_names(backup, ignore)
        assert str(fetching.value) == str(verifying.value)
        assert [p for p in tmp_path.rglob("*") if p not in (outside, scratch)] == []
        text = str(fetching.value)
        assert text.isprintable()
        assert "/tmp" not in text  # noqa: S108 -- looked for, not used
        return fetching.value

    return refuse


@pytest.mark.parametrize("kind", OLD_BUNDLES)
def test_a_bundle_of_the_old_scripts_is_refused(refused: Callable[..., PermanentError], kind: str) -> None:
    content, reference, reason = OLD_BUNDLES[kind]
    error = refused(content)
    assert (error.reference, reason in error.message) == (reference, True), str(error)


@pytest.mark.parametrize("kind", OUR_BUNDLES)
def test_a_bundle_of_ours_is_refused(refused: Callable[..., PermanentError], kind: str) -> None:
    content, manifest, reference, reason = OUR_BUNDLES[kind]
    error = refused(content, manifest)
    assert error.reference == reference, str(error)
    assert any(part in error.message for part in reason.split("|")), str(error)


def test_a_wrong_digest_of_the_whole_is_refused(refused: Callable[..., PermanentError]) -> None:
    error = refused(ours(MANIFEST, FILES), MANIFEST, "0" * 64)
    assert (error.reference, "its sha256 differs" in error.message) == (DAMAGED, True)


@pytest.mark.parametrize("share", [0.0, 0.2, 0.5, 0.8, 0.999])
def test_a_bundle_of_ours_cut_anywhere_is_refused(refused: Callable[..., PermanentError], share: float) -> None:
    assert refused(cut(ours(MANIFEST, FILES), share), MANIFEST).reference in (DAMAGED, UNKNOWN)


def test_too_many_members(bucket: Bucket) -> None:
    header = bytearray(member("0000000.dat")[0].tobuf(tarfile.GNU_FORMAT))
    output = io.BytesIO()
    with gzip.GzipFile(fileobj=output, mode="wb", compresslevel=1) as file:
        for number in range(101):
            old_name, new_name = bytes(header[:7]), f"{number:07}".encode()
            checksum = int(header[148:154], 8) + sum(new_name) - sum(old_name)
            header[:7], header[148:154] = new_name, f"{checksum:06o}".encode()
            file.write(header)
    store = S3BackupStore(bucket.client, "prod", bucket.target, KEYRING, limits=BundleLimits(max_files=100))
    with pytest.raises(PermanentError, match=rf"^{UNSAFE}: There are more than 100 members"):
        store.verify_names(bucket.plant(output.getvalue()), ignore)


def test_another_environments_name_is_foreign(client: "S3Client", target: BackupTarget, tmp_path: Path) -> None:
    theirs = S3BackupStore(client, "staging", target, KEYRING)
    prod = S3BackupStore(client, "prod", target, KEYRING)
    backup = Bucket(client, target, prod).plant(old(PLAIN))
    for attempt in (lambda: theirs.fetch(backup, tmp_path / "x", ignore), lambda: theirs.verify_names(backup, ignore)):
        with pytest.raises(PermanentError, match=rf"^{FOREIGN}: {NAME} is a backup of 'prod', not of staging"):
            attempt()
    assert list(tmp_path.iterdir()) == []


def test_a_bundle_larger_than_the_disk_is_refused_at_once(bucket: Bucket, tmp_path: Path) -> None:
    whole = replace(MANIFEST, files=(BundleFile("dump/toc.dat", 1 << 60, "0" * 64),))
    backup = bucket.plant(ours(whole, FEWER), whole)
    with pytest.raises(PermanentError, match=r"^scratch-full: "):
        bucket.store.fetch(backup, tmp_path / "scratch", ignore)


def test_a_long_name_is_cut_in_the_message(refused: Callable[..., PermanentError]) -> None:
    error = refused(tgz(member("x\x07" * 45 + ".sql", PLAIN)))
    assert len(error.message) < 80 + 60


def test_what_is_refused_is_good_without_its_fault(bucket: Bucket, tmp_path: Path) -> None:
    good = [(GOOD_PLAIN, None), (tgz(GOOD), None), (old(CUSTOM, "a.dump"), None), (ours(MANIFEST, FILES), MANIFEST)]
    good += [(tgz(pax(record("mtime", "1.5") + record("SCHILY.xattr.user.a", "b")), GOOD), None)]
    for number, (content, manifest) in enumerate(good):
        bucket.client.delete_object(Bucket=bucket.target.bucket, Key=f"{NAME}.manifest.json")
        fetched = bucket.store.fetch(bucket.plant(content, manifest), tmp_path / str(number), ignore)
        assert fetched.size_bytes > 0


def test_the_ratio_is_what_the_message_says() -> None:
    assert reading.MAX_RATIO == 200
