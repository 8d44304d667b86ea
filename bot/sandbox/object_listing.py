"""Writes S3 listings fast: moto picks a page's keys, but needs almost two seconds to write 10,000 of them as XML.

Whatever is not the plain case (another request, another parameter, no such bucket) is moto's to answer.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote
from xml.sax.saxutils import escape

from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.s3.models import FakeBucket, S3Backend, s3_backends
from werkzeug import Request, Response

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

MAX_KEYS = 1000
_HEAD = '<?xml version="1.0" encoding="utf-8"?>\n<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
_PARAMETERS = frozenset(
    {"list-type", "prefix", "delimiter", "continuation-token", "start-after", "max-keys", "encoding-type"}
)


class ListingLayer:
    """A WSGI application around moto's S3 that answers ListObjectsV2 as it would."""

    def __init__(self, app: "WSGIApplication") -> None:
        self._app = app

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """Answer one request."""
        request = Request(environ)
        backend = s3_backends[DEFAULT_ACCOUNT_ID]["aws"]
        bucket = backend.buckets.get(request.path.strip("/")) if _is_plain(request) else None
        # decision 22: everything but the plain case stays moto's, so that only one thing can differ from it
        if type(bucket) is not FakeBucket:
            return self._app(environ, start_response)
        body = "".join((_HEAD, *_page(backend, bucket, request.args), "</ListBucketResult>"))
        return Response(body, content_type="application/xml")(environ, start_response)


def _is_plain(request: Request) -> bool:
    given = request.args
    return (
        request.method == "GET"
        and given.get("list-type") == "2"
        and _PARAMETERS.issuperset(given)
        and given.get("continuation-token") != ""
        and given.get("max-keys", "1").isdecimal()
    )


def _page(backend: S3Backend, bucket: FakeBucket, given: Mapping[str, str]) -> Iterator[str]:
    encoding, after, token = given.get("encoding-type"), given.get("start-after"), given.get("continuation-token")
    prefix, delimiter = given.get("prefix"), given.get("delimiter")
    most = int(given.get("max-keys", MAX_KEYS))
    found, truncated, next_token = backend.list_objects_v2(bucket, prefix, delimiter, token, after, most)
    folders = [item for item in found if isinstance(item, str)]
    yield f"<IsTruncated>{str(bool(truncated)).lower()}</IsTruncated>"
    yield from (_content(item, encoding) for item in found if not isinstance(item, str))
    yield _element("Name", bucket.name)
    yield _element("Prefix", _encoded(prefix or "", encoding))
    yield _element("Delimiter", delimiter)
    yield _element("MaxKeys", most)
    yield from (f"<CommonPrefixes>{_element('Prefix', _encoded(name, encoding))}</CommonPrefixes>" for name in folders)
    yield _element("EncodingType", encoding)
    yield _element("KeyCount", len(found))
    yield _element("NextContinuationToken", next_token)
    yield _element("StartAfter", None if token else after)


def _content(key: Any, encoding: str | None) -> str:
    checksum = _element("ChecksumAlgorithm", key.checksum_algorithm)
    return (
        f"<Contents><Key>{escape(key.safe_name(encoding))}</Key><LastModified>{key.last_modified_ISO8601}</LastModified>"
        f"<ETag>{key.etag}</ETag>{checksum}<Size>{key.size}</Size><StorageClass>{key.storage_class}</StorageClass></Contents>"
    )


def _encoded(text: str, encoding: str | None) -> str:
    return quote(text) if encoding == "url" else text


def _element(name: str, value: object) -> str:
    """Write an element; none for what was not given, as S3 does, but for the prefix, which is always there."""
    if name == "Prefix":
        return f"<{name}>{escape(str(value))}</{name}>" if value else f"<{name}/>"
    return f"<{name}>{escape(str(value))}</{name}>" if value or value == 0 else ""
