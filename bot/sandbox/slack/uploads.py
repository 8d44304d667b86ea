"""Receives files in Slack's three moves: request an upload URL, send the bytes, complete."""

import secrets
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]


@dataclass
class Upload:
    """One file. ``content`` is None until the bytes came; ``shared`` once completed."""

    id: str
    name: str
    size_bytes: int
    key: str
    content: bytes | None = None
    title: str = ""
    shared: bool = False

    def as_slack(self, base_url: str, user: str) -> Json:
        """Return the file as messages show it."""
        return {
            "id": self.id,
            "name": self.name,
            "title": self.title or self.name,
            "size": self.size_bytes,
            "user": user,
            "mode": "hosted",
            "url_private": f"{base_url}/files/{self.id}/{self.name}",
            "permalink": f"{base_url}/files/{self.id}/{self.name}",
        }


class Uploads:
    """All files, by id, and their upload keys."""

    def __init__(self) -> None:
        self.all: dict[str, Upload] = {}

    def begin(self, name: str, size_bytes: int) -> Upload:
        """Reserve a file."""
        upload = Upload(f"F{secrets.token_hex(5).upper()}", name, size_bytes, secrets.token_urlsafe(24))
        self.all[upload.id] = upload
        return upload

    def by_key(self, key: str) -> Upload | None:
        """Find the file an upload URL belongs to."""
        return next((u for u in self.all.values() if u.key == key), None)
