"""Accepts the members of a bundle by its layout: our own as its manifest says, or an old script's by its content."""

import hashlib
import re
from collections.abc import Iterator
from contextlib import AbstractContextManager
from itertools import chain
from pathlib import Path
from typing import IO, Protocol

from bot.adapters.storage.archive import GZIP_MAGIC, Budget, Member, gunzip
from bot.adapters.storage.bundles import DUMP_PREFIX, MANIFEST_MEMBER
from bot.adapters.storage.documents import read_manifest
from bot.adapters.storage.failures import damaged, unknown, unsafe
from bot.adapters.storage.plain_sql import HEAD_BYTES, PlainInspector, looks_plain
from bot.domain.backups import BundleKind, Manifest
from bot.domain.bundle_limits import BundleLimits

TOC = "toc.dat"
SINGLE = "bundle.dump"
"""Name of an old bundle's only file once unpacked, whatever it was called."""
_PGDMP = b"PGDMP"
_FORMAT_AT = 10  # after the magic, three bytes of version, the sizes of an int and of an offset
_CUSTOM_FORMAT = 1
_TAR_MAGIC, _TAR_MAGIC_AT = b"ustar", 257
_TAR_FIRST = b"toc.dat\0"
_LEAF = r"[A-Za-z0-9_][A-Za-z0-9._+\-]{0,200}"
_OURS = re.compile(DUMP_PREFIX + r"(?P<leaf>[A-Za-z0-9_][A-Za-z0-9._\-]{0,200})")
_THEIRS = re.compile(rf"(?:\./)?(?:(?P<folder>{_LEAF})/)?(?P<leaf>{_LEAF})")
_FOLDERS = re.compile(rf"\.|(?:\./)?{_LEAF}")
_OF_DIRECTORY = re.compile(
    r"toc\.dat|restore\.sql|blobs(?:_\d+)?\.toc(?:\.gz|\.lz4|\.zst)?|(?:\d+|blob_\d+)\.dat(?:\.gz|\.lz4|\.zst)?"
)
_SINGLE = re.compile(r".+\.(?:sql|dump|tar)(?:\.gz)?")


class Scratch(Protocol):
    """Takes members by flat names that were checked before."""

    @property
    def path(self) -> Path:
        """The directory they end up in."""

    @property
    def free_bytes(self) -> int | None:
        """Free space; None for any amount."""

    def new_file(self, name: str) -> AbstractContextManager[IO[bytes]]:
        """Create a file, which must not exist yet."""


class OurLayout:
    """Our own bundle: ``manifest.json``, then ``dump/…``, exactly as the sidecar says."""

    def __init__(self, manifest: Manifest, scratch: Scratch, limits: BundleLimits) -> None:
        self._manifest = manifest
        self._max_manifest_bytes = limits.manifest_bytes(manifest)
        self._scratch = scratch
        self._expected = {file.name: file for file in manifest.files}
        self._seen: set[str] = set()

    def take(self, member: Member, pieces: Iterator[bytes]) -> None:
        """Check and unpack a member. Raises ``bundle-unsafe``, ``bundle-damaged``, ``bundle-unknown``."""
        if member.is_directory:
            raise unsafe("is a directory, and ours have none.", member.name)
        if member.name in self._seen:
            raise unsafe("is there twice.", member.name)
        if not self._seen:
            self._take_manifest(member, pieces)
        else:
            self._take_file(member, pieces)
        self._seen.add(member.name)

    def finish(self) -> tuple[BundleKind, Path, int]:
        """Check that all members came; return kind, path and size in bytes."""
        missing = sorted(self._expected.keys() - self._seen)
        if missing:
            raise damaged("is missing.", missing[0])
        if DUMP_PREFIX + TOC not in self._expected:
            raise unknown("It has no table of contents.")
        return BundleKind.DIRECTORY, self._scratch.path, sum(file.size_bytes for file in self._manifest.files)

    def _take_manifest(self, member: Member, pieces: Iterator[bytes]) -> None:
        if member.name != MANIFEST_MEMBER:
            raise unsafe("stands where the manifest should.", member.name)
        if member.size_bytes > self._max_manifest_bytes:
            raise unsafe("is too large.", member.name)
        if read_manifest(b"".join(pieces)) != self._manifest:
            raise damaged("does not say what the manifest beside the bundle says.", member.name)

    def _take_file(self, member: Member, pieces: Iterator[bytes]) -> None:
        match = _OURS.fullmatch(member.name)
        expected = self._expected.get(member.name)
        if match is None or expected is None:
            raise unsafe("is not in the manifest." if match else "has a name that is not allowed.", member.name)
        if member.size_bytes != expected.size_bytes:
            raise damaged(f"has {member.size_bytes} bytes instead of {expected.size_bytes}.", member.name)
        digest = hashlib.sha256()
        with self._scratch.new_file(match["leaf"]) as output:
            for piece in pieces:
                digest.update(piece)
                output.write(piece)
        if digest.hexdigest() != expected.sha256:
            raise damaged("is not what was dumped: its sha256 differs.", member.name)


class _Content:
    """A dump's kind, its bytes, decompressed, and how many of them `pieces` has yielded."""

    def __init__(self, name: str, kind: BundleKind, head: bytes, rest: Iterator[bytes]) -> None:
        self._name = name
        self._head, self._rest = head, rest
        self.kind = kind
        self.size_bytes = 0

    def pieces(self) -> Iterator[bytes]:
        """Yield all of it; a plain dump's piece is inspected before it is yielded."""
        inspector = PlainInspector(self._name) if self.kind is BundleKind.PLAIN else None
        for piece in filter(None, chain([self._head], self._rest)):
            if inspector is not None:
                inspector.feed(piece)
            self.size_bytes += len(piece)
            yield piece
        if inspector is not None:
            inspector.finish()


def _open_content(name: str, pieces: Iterator[bytes], budget: Budget) -> _Content:
    """Tell the kind of the dump in a file by its first bytes."""
    head = _head(pieces)
    if head.startswith(GZIP_MAGIC):
        pieces = gunzip(chain([head], pieces), budget)
        head = _head(pieces)
    kind = _kind(head)
    if kind is None:
        raise unknown("is no dump by its content.", name)
    return _Content(name, kind, head, pieces)


def _kind(head: bytes) -> BundleKind | None:
    if head.startswith(_PGDMP):
        return BundleKind.CUSTOM if head[_FORMAT_AT : _FORMAT_AT + 1] == bytes([_CUSTOM_FORMAT]) else None
    if head[_TAR_MAGIC_AT:].startswith(_TAR_MAGIC):
        return BundleKind.TAR if head.startswith(_TAR_FIRST) else None
    return BundleKind.PLAIN if looks_plain(head) else None


def _head(pieces: Iterator[bytes]) -> bytes:
    head = b""
    while len(head) < HEAD_BYTES and (piece := next(pieces, b"")):
        head += piece
    return head


class OldLayout:
    """An old script's bundle: one file, or the files of a directory dump, in no folder or in one."""

    def __init__(self, scratch: Scratch, budget: Budget) -> None:
        self._scratch = scratch
        self._budget = budget
        self._folder: str | None = None
        self._seen: set[str] = set()
        self._single: _Content | None = None
        self._has_contents = False
        self._size_bytes = 0

    def take(self, member: Member, pieces: Iterator[bytes]) -> None:
        """Check and unpack a member. Raises ``bundle-unsafe``, ``bundle-damaged``, ``bundle-unknown``."""
        if member.is_directory:
            if not _FOLDERS.fullmatch(member.name):
                raise unsafe("has a name that is not allowed.", member.name)
            self._check_folder(member, "" if member.name == "." else member.name.removeprefix("./"))
            return
        leaf = self._leaf(member)
        if self._single is not None or (self._seen and not _OF_DIRECTORY.fullmatch(leaf)):
            raise unsafe("does not belong to the dump.", member.name)
        self._seen.add(leaf)
        if _OF_DIRECTORY.fullmatch(leaf):
            self._take_part(leaf, member, pieces)
        else:
            self._single = self._take_single(member, pieces)

    def finish(self) -> tuple[BundleKind, Path, int]:
        """Check that all members came; return kind, path and size in bytes."""
        if self._single is not None:
            return self._single.kind, self._scratch.path / SINGLE, self._single.size_bytes
        if not self._has_contents:
            raise unknown("It has no table of contents." if self._seen else "It is empty.")
        if "restore.sql" in self._seen and any(leaf.startswith("blob") for leaf in self._seen):
            # A tar-format dump unpacks to a directory dump, except that pg_restore cannot find its large objects.
            raise unknown("It is a tar-format dump with large objects, compressed as it is: put it into an archive.")
        return BundleKind.DIRECTORY, self._scratch.path, self._size_bytes

    def _leaf(self, member: Member) -> str:
        match = _THEIRS.fullmatch(member.name)
        if match is None:
            raise unsafe("has a name that is not allowed.", member.name)
        leaf = match["leaf"]
        if leaf == MANIFEST_MEMBER:
            raise damaged("is there, but there is no manifest beside the bundle that fits it.", member.name)
        if leaf in self._seen:
            raise unsafe("is there twice.", member.name)
        if not (_OF_DIRECTORY.fullmatch(leaf) or _SINGLE.fullmatch(leaf)):
            raise unsafe("does not belong to a dump.", member.name)
        self._check_folder(member, match["folder"] or "")
        return leaf

    def _check_folder(self, member: Member, folder: str) -> None:
        # A folder's own entry may follow the entry of ".".
        if folder != self._folder and (self._folder or self._seen):
            raise unsafe("is in another folder than the rest.", member.name)
        self._folder = folder

    def _take_part(self, leaf: str, member: Member, pieces: Iterator[bytes]) -> None:
        if leaf == "restore.sql":
            return  # pg_restore does not use it
        head = b""
        with self._scratch.new_file(leaf) as output:
            for piece in pieces:
                head = head or piece[: len(_PGDMP)]
                output.write(piece)
        if leaf == TOC:
            if head != _PGDMP:
                raise unknown("is no table of contents of pg_dump.", member.name)
            self._has_contents = True
        self._size_bytes += member.size_bytes

    def _take_single(self, member: Member, pieces: Iterator[bytes]) -> _Content:
        content = _open_content(member.name, pieces, self._budget)
        with self._scratch.new_file(SINGLE) as output:
            for piece in content.pieces():
                output.write(piece)
        return content
