"""Measures a page of a large bucket: listed for the first time, then again."""

from dataclasses import dataclass

from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.s3.models import s3_backends

from bot.adapters import storage
from bot.domain.environments import BackupTarget
from bot.sandbox.objectstore import ObjectStore
from tests.bench.places import Stopwatch
from tests.fakes.keyring import KEYRING

OBJECTS = 10_000
BUCKET = "bench-listing"


@dataclass(frozen=True)
class Times:
    """Seconds of the first page, before and after the catalogue is known."""

    cold_s: float
    warm_s: float


def measure() -> Times:
    """List a bucket of 5,000 bundles, none with a sidecar that can be read, and as many sidecars."""
    with ObjectStore() as server:
        server.create_buckets([BUCKET])
        _fill()
        target = BackupTarget(BUCKET, server.endpoint_url)
        client = storage.connect(target, storage.Credentials(server.access_key, server.secret_key))
        store, watch = storage.S3BackupStore(client, "prod", target, KEYRING), Stopwatch()
        client.head_bucket(Bucket=BUCKET)  # a bot's client has been used before
        for phase in ("cold", "warm"):
            with watch.phase(phase):
                page = store.list_page()
            if page.total != OBJECTS // 2:
                raise AssertionError(page.total)
        client.close()
        return Times(watch.seconds["cold"], watch.seconds["warm"])


def _fill() -> None:
    """Put them past the protocol: they are not what is measured."""
    backend = s3_backends[DEFAULT_ACCOUNT_ID]["aws"]
    for number in range(OBJECTS // 2):
        day, hour = divmod(number, 24)
        month, day = divmod(day, 28)
        name = f"prod_hourly_{2008 + month // 12}{1 + month % 12:02}{1 + day:02}_{hour:02}0000"
        for suffix in (".tar.gz", ".manifest.json"):
            backend.put_object(BUCKET, f"{name}{suffix}", b"{}")
