"""Passes a measured process the addresses of its server, store and scratch space."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from time import monotonic
from typing import Self

from mypy_boto3_s3 import S3Client

DATABASE = "physioflow_prod"
BUCKET = "physioflow-backups-prod"


@dataclass(frozen=True)
class Places:
    """Addresses of one throw-away server and store, and a directory to work in."""

    bot_dsn: str
    owner_dsn: str
    superuser_dsn: str
    endpoint_url: str
    access_key: str
    secret_key: str
    bin_dir: str
    scratch: str

    @property
    def directory(self) -> Path:
        """The scratch directory."""
        return Path(self.scratch)

    def tool(self, name: str) -> str:
        """One of PostgreSQL's client tools."""
        return str(Path(self.bin_dir) / name)

    def client(self) -> S3Client:
        """A plain client for the store, as anybody would make one."""
        import boto3
        from botocore.config import Config

        return boto3.client(
            "s3",
            endpoint_url=self.endpoint_url,
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
            region_name="us-east-1",
            config=Config(s3={"addressing_style": "path"}),
        )

    def write(self) -> str:
        """One line of JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def read(cls, line: str) -> Self:
        """Read what `write` wrote."""
        return cls(**json.loads(line))


@dataclass
class Stopwatch:
    """Seconds by phase."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Time what is inside."""
        began = monotonic()
        yield
        self.seconds[name] = monotonic() - began
