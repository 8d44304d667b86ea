"""Limits what a bundle may hold: the writer refuses whatever the reader would not accept."""

from dataclasses import dataclass

from bot.domain.backups import Manifest
from bot.errors import PermanentError

_MIB = 1024 * 1024
_FIXED_BYTES = 64 * 1024
_ENTRY_BYTES = 1024
"""More than a file's or a table's entry in a manifest takes, whatever its name."""
_SIDECAR_BYTES = 8 * 1024
"""More than a sidecar adds to the manifest."""


@dataclass(frozen=True)
class BundleLimits:
    """The one set of limits of writer and reader.

    Attributes:
        max_files: files of a dump; pg_dump writes one per table and one per large object.
        max_manifest_bytes: of a manifest or sidecar, which is read into memory as a whole.
    """

    # decision 37: 200,000 large objects and 20,000 tables make 220,000 files and a manifest of 32 MB.
    max_files: int = 300_000
    max_manifest_bytes: int = 64 * _MIB

    def check_files(self, files: int, about: str) -> None:
        """Refuse a dump of so many files, or more; `about` says where they come from.

        Raises:
            PermanentError: ``backup-too-many-files``.
        """
        if files > self.max_files:
            raise PermanentError(
                "backup-too-many-files",
                f"The dump has {files:,} files or more ({about}), and a bundle holds at most {self.max_files:,}.",
                "Nothing was stored. Remove large objects that nobody uses (vacuumlo finds them), or move them out of "
                "the database; until then rely on point-in-time recovery.",
            )

    def check_manifest(self, size_bytes: int) -> None:
        """Refuse a manifest whose sidecar the reader would find too large.

        Raises:
            PermanentError: ``backup-manifest-too-large``.
        """
        if size_bytes + _SIDECAR_BYTES > self.max_manifest_bytes:
            raise PermanentError(
                "backup-manifest-too-large",
                f"The manifest would have {size_bytes:,} bytes, and the bot reads at most {self.max_manifest_bytes:,}.",
                "Nothing was stored. The database has too many tables and large objects for a bundle; rely on "
                "point-in-time recovery until it has fewer.",
            )

    def manifest_bytes(self, manifest: Manifest) -> int:
        """Return the largest size of that manifest's own copy inside its bundle."""
        entries = len(manifest.files) + len(manifest.tables)
        return min(self.max_manifest_bytes, _FIXED_BYTES + _ENTRY_BYTES * entries)


LIMITS = BundleLimits()
"""In force everywhere; tests pass smaller ones."""
