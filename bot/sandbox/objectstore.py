"""Runs an S3 store on loopback: moto behind layers for faults, access keys, conditional writes and listings."""

import threading
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from moto.moto_server.werkzeug_app import MotoRequestHandler, create_backend_app
from moto.s3.models import s3_backends
from werkzeug import Request
from werkzeug.serving import BaseWSGIServer, make_server

from bot.sandbox.object_faults import FaultLayer, error_response
from bot.sandbox.object_listing import ListingLayer

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment
    from mypy_boto3_s3.client import S3Client

LOOPBACK = "127.0.0.1"
REGION = "us-east-1"

_live_lock = threading.Lock()
_live_stores: list["ObjectStore"] = []


class ObjectStore:
    """One S3 endpoint, as a context manager.

    moto keeps buckets in its process: stores alive at the same time in one process see the same buckets, and the last
    one to stop forgets them all.

    Args:
        port: 0 takes a free one.

    """

    access_key = "AKIASANDBOXBACKSTOP1"
    secret_key = "sandbox-secret-key"  # moto checks no signature; only the access key is compared

    def __init__(self, port: int = 0) -> None:
        self.port = port
        self._faults = FaultLayer(_Gate(ListingLayer(create_backend_app("s3")), self.access_key))
        self._server: BaseWSGIServer | None = None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def endpoint_url(self) -> str:
        """Return the endpoint for path-style clients."""
        return f"http://{LOOPBACK}:{self.port}"

    def start(self) -> None:
        """Listen; answers at once."""
        self._server = make_server(LOOPBACK, self.port, self._faults, threaded=True, request_handler=_QuietHandler)
        self.port = self._server.port
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, name="object-store", daemon=True
        )
        self._thread.start()
        with _live_lock:
            _live_stores.append(self)

    def stop(self) -> None:
        """Close the endpoint; a stopped store is left alone."""
        server, self._server = self._server, None
        if server is None or self._thread is None:
            return
        self.clear_faults()
        server.shutdown()
        self._thread.join()
        server.server_close()
        with _live_lock:
            _live_stores.remove(self)
            if not _live_stores:
                s3_backends.reset()

    def create_buckets(self, names: Iterable[str]) -> None:
        """Make buckets that keep versions; an existing one is left as it is."""
        client = self.client()
        for name in names:
            client.create_bucket(Bucket=name)
            client.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
        client.close()

    def create_locked_bucket(self, name: str) -> None:
        """Make a bucket with object lock."""
        client = self.client()
        client.create_bucket(Bucket=name, ObjectLockEnabledForBucket=True)
        client.close()

    def client(self) -> "S3Client":
        """Return a boto3 client for this endpoint."""
        import boto3
        from botocore.config import Config

        return boto3.client(
            "s3",
            endpoint_url=self.endpoint_url,
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
            region_name=REGION,
            config=Config(s3={"addressing_style": "path"}),
        )

    def fault(self, spec: Mapping[str, Any]) -> None:
        """Inject a fault; the fields are those of ``bot.sandbox.object_faults.Fault``.

        Raises:
            PermanentError: ``bad-fault``.

        """
        self._faults.add(spec)

    def clear_faults(self) -> None:
        """Forget all faults."""
        self._faults.clear()


class _Gate:
    """Refuses unknown access keys, and makes a conditional write one step: moto looks, then writes, without a lock."""

    def __init__(self, app: "WSGIApplication", access_key: str) -> None:
        self._app = app
        self._access_key = access_key
        self._writing = threading.Lock()

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        request = Request(environ)
        if _access_key(request) != self._access_key:
            refusal = error_response(403, "InvalidAccessKeyId", "The access key does not exist in our records.")
            return refusal(environ, start_response)
        if "If-None-Match" not in request.headers or request.method not in ("PUT", "POST"):
            return self._app(environ, start_response)
        with self._writing:
            return self._app(environ, start_response)


class _QuietHandler(MotoRequestHandler):
    """The sandbox has its own record of what was asked; a line a request on stderr would bury its output."""

    def log(self, kind: str, message: str, *args: Any) -> None:
        """Say nothing."""


def _access_key(request: Request) -> str:
    """Return the key id of a signed request or a presigned URL (version 4, or 2); empty when there is none."""
    header = request.headers.get("Authorization", "")
    presigned = request.args.get("X-Amz-Credential", "") or request.args.get("AWSAccessKeyId", "")
    return (header.partition("Credential=")[2] or presigned).partition("/")[0]
