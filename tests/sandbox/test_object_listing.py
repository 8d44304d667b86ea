"""Our listings against moto's own: the same page, to the byte."""

import re
from collections.abc import Iterator
from itertools import product
from typing import TYPE_CHECKING

import pytest
from moto.moto_server.werkzeug_app import create_backend_app
from werkzeug.test import Client

from bot.sandbox.object_listing import ListingLayer
from bot.sandbox.objectstore import ObjectStore

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

BUCKET = "listing-tests"
KEYS = ["a/1", "a/2", "a/b/3", "b/1", "b&<>\"'", "c d+é", "prod_x", "prod_y", "zz"]
TOKEN = re.compile(r"<NextContinuationToken>([^<]*)<")


@pytest.fixture(scope="module")
def s3(objectstore: ObjectStore) -> Iterator["S3Client"]:
    objectstore.create_buckets([BUCKET])
    client = objectstore.client()
    for key in KEYS:
        client.put_object(Bucket=BUCKET, Key=key, Body=b"as it was")
    client.put_object(Bucket=BUCKET, Key="a/1", Body=b"as it is")
    client.put_object(Bucket=BUCKET, Key="sum", Body=b"checked", ChecksumAlgorithm="SHA256")
    client.put_object(Bucket=BUCKET, Key="gone", Body=b"")
    client.delete_object(Bucket=BUCKET, Key="gone")
    yield client
    versions = client.list_object_versions(Bucket=BUCKET)
    for version in [*versions["Versions"], *versions["DeleteMarkers"]]:
        client.delete_object(Bucket=BUCKET, Key=version["Key"], VersionId=version["VersionId"])
    client.close()


def ask(client: Client, bucket: str = BUCKET, **given: str) -> tuple[int, str, str]:
    query = {name.replace("_", "-"): value for name, value in ({"list_type": "2"} | given).items()}
    headers = {"Authorization": "AWS4-HMAC-SHA256 Credential=AKIASANDBOX/20260101/us-east-1/s3/aws4_request"}
    answer = client.get(f"/{bucket}", query_string=query, headers=headers, base_url="http://127.0.0.1")
    return answer.status_code, answer.content_type, answer.get_data(as_text=True)


def both(**given: str) -> tuple[tuple[int, str, str], tuple[int, str, str]]:
    """Ours and moto's."""
    moto = create_backend_app("s3")
    return ask(Client(ListingLayer(moto)), **given), ask(Client(moto), **given)


@pytest.mark.usefixtures("s3")
@pytest.mark.parametrize("encoding", [{}, {"encoding_type": "url"}], ids=["plain", "url"])
def test_every_combination(encoding: dict[str, str]) -> None:
    prefixes, delimiters = ("", "a/", "b&", "c d", "prod_", "none"), ("", "/", "_")
    for prefix, delimiter, most, after in product(prefixes, delimiters, ("", "0", "1", "3"), ("", "a/2", "b")):
        given = {"prefix": prefix, "delimiter": delimiter, "max_keys": most, "start_after": after}
        ours, theirs = both(**encoding, **{name: value for name, value in given.items() if value})
        assert TOKEN.sub("", ours[2]) == TOKEN.sub("", theirs[2]), given
        assert ours[:2] == theirs[:2]


@pytest.mark.usefixtures("s3")
def test_pages_follow_one_another() -> None:
    token, found = "", []
    while True:
        ours, theirs = both(max_keys="2", **({"continuation_token": token} if token else {}))
        assert TOKEN.sub("", ours[2]) == TOKEN.sub("", theirs[2])
        found += re.findall("<Key>(.*?)</Key>", ours[2])
        more = TOKEN.search(ours[2])
        if more is None:
            break
        token = more[1]
    assert len(found) == len(KEYS) + 1
    assert found == sorted(found)


@pytest.mark.usefixtures("s3")
@pytest.mark.parametrize(
    "given",
    [{"bucket": "no-such-bucket"}, {"continuation_token": ""}, {"fetch_owner": "true"}, {"list_type": "1"}],
    ids=str,
)
def test_the_rest_is_motos(given: dict[str, str]) -> None:
    ours, theirs = both(**given)
    assert (ours[0], sorted(re.findall("<Key>|<Code>.*?<|<Owner>", ours[2]))) == (
        theirs[0],
        sorted(re.findall("<Key>|<Code>.*?<|<Owner>", theirs[2])),
    )


def test_a_client_sees_all(s3: "S3Client") -> None:
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, PaginationConfig={"PageSize": 3})
    assert [item["Key"] for page in pages for item in page["Contents"]] == sorted([*KEYS, "sum"])
