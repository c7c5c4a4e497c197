"""Clients without keys: the catalog signs their requests to the store, within a table and what they may do with it."""

import boto3
import pytest
import suite
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError
from pyiceberg.exceptions import SignError
from pyiceberg.io.fsspec import S3V4RestSigner

BUCKET = "analytics-source"
ADMIN, READER = "0123456789abcdef0123456789abcdef", "fedcba9876543210fedcba9876543210"


@pytest.fixture(scope="module")
def lake():
    with suite.Suite("s3", CATALOG_TOKENS=f"{ADMIN},reader={READER}").start("catalog") as running:
        url = running.catalog.url
        assert suite.call("POST", f"{url}/v1/namespaces", {"namespace": ["db"]}, bearer(ADMIN)).status == 200
        for name in ("t", "t2"):
            schema = {"type": "struct", "fields": [{"id": 1, "name": "id", "type": "long", "required": False}]}
            made = suite.call("POST", f"{url}/v1/namespaces/db/tables", {"name": name, "schema": schema}, bearer(ADMIN))
            assert made.status == 200, made
        yield running


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


def load(lake, name, delegation="remote-signing", token=ADMIN):
    headers = bearer(token) | {"X-Iceberg-Access-Delegation": delegation}
    answer = suite.call("GET", f"{lake.catalog.url}/v1/namespaces/db/tables/{name}", headers=headers)
    assert answer.status == 200, answer
    return answer.json


def client(lake, name, token=ADMIN):
    """boto3 without keys, whose requests PyIceberg's signer has signed."""
    return signing(lake, load(lake, name, token=token), token)


def signing(lake, table, token=ADMIN):
    config = table["config"]
    assert config["s3.remote-signing-enabled"] == "true" and "s3.secret-access-key" not in config
    signer = S3V4RestSigner({"uri": lake.catalog.url, "token": token} | config)
    client = boto3.client(
        "s3", endpoint_url=config["s3.endpoint"], region_name=config["s3.region"],
        config=Config(signature_version=UNSIGNED, s3={"addressing_style": "path"}, retries={"max_attempts": 1}))
    client.meta.events.register("before-sign.s3", signer)
    return client, table["metadata"]["location"].removeprefix(f"s3://{BUCKET}/")


def test_objects_of_the_table_are_written_read_listed_and_deleted(lake):
    s3, location = client(lake, "t")
    bodies = {f"{location}/data/a b+c&%é=1/x{size}.bin": bytes(size) for size in (0, 1, 100_000)}
    for key, body in bodies.items():
        s3.put_object(Bucket=BUCKET, Key=key, Body=body)
        assert s3.get_object(Bucket=BUCKET, Key=key)["Body"].read() == body
        assert s3.head_object(Bucket=BUCKET, Key=key)["ContentLength"] == len(body)
    key = max(bodies)
    listed = s3.list_objects_v2(Bucket=BUCKET, Prefix=f"{location}/data/")["Contents"]
    assert {entry["Key"] for entry in listed} == set(bodies)
    upload = s3.create_multipart_upload(Bucket=BUCKET, Key=key)["UploadId"]
    part = s3.upload_part(Bucket=BUCKET, Key=key, UploadId=upload, PartNumber=1, Body=b"part")
    s3.complete_multipart_upload(
        Bucket=BUCKET, Key=key, UploadId=upload, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]})
    assert s3.get_object(Bucket=BUCKET, Key=key, Range="bytes=1-2")["Body"].read() == b"ar"
    s3.delete_object(Bucket=BUCKET, Key=key)
    with pytest.raises(ClientError):
        s3.head_object(Bucket=BUCKET, Key=key)


def test_nothing_else_of_the_store_is_signed(lake):
    s3, location = client(lake, "t")
    other = load(lake, "t2")["metadata-location"].removeprefix(f"s3://{BUCKET}/")
    assert other.startswith(f"{location}2/")
    for attempt in (
        lambda: s3.get_object(Bucket=BUCKET, Key=other),
        lambda: s3.get_object(Bucket="analytics-catalog", Key="keys/scan-planning"),
        lambda: s3.list_objects_v2(Bucket=BUCKET, Prefix=location),
        lambda: s3.list_objects_v2(Bucket=BUCKET),
        lambda: s3.list_buckets(),
        lambda: s3.delete_bucket(Bucket=BUCKET),
        lambda: s3.put_object_acl(Bucket=BUCKET, Key=f"{location}/x", ACL="public-read"),
        lambda: s3.put_object(Bucket=BUCKET, Key=f"{location}/x", ACL="public-read"),
        lambda: s3.copy_object(Bucket=BUCKET, Key=f"{location}/x", CopySource={"Bucket": BUCKET, "Key": other}),
        lambda: s3.delete_objects(Bucket=BUCKET, Delete={"Objects": [{"Key": other}]}),
    ):
        with pytest.raises(SignError):
            attempt()


def test_a_reader_s_requests_are_signed_for_reading_only(lake):
    writer, location = client(lake, "t")
    reader, _ = client(lake, "t", READER)
    key = f"{location}/data/readable"
    writer.put_object(Bucket=BUCKET, Key=key, Body=b"body")
    assert reader.get_object(Bucket=BUCKET, Key=key)["Body"].read() == b"body"
    for attempt in (
        lambda: reader.put_object(Bucket=BUCKET, Key=key, Body=b"other"),
        lambda: reader.delete_object(Bucket=BUCKET, Key=key),
        lambda: reader.create_multipart_upload(Bucket=BUCKET, Key=key),
    ):
        with pytest.raises(SignError):
            attempt()
    assert reader.get_object(Bucket=BUCKET, Key=key)["Body"].read() == b"body"


def test_vended_keys_go_before_signatures_and_signatures_are_only_for_those_who_ask(lake):
    assert load(lake, "t", "vended-credentials,remote-signing")["config"].get("s3.remote-signing-enabled") is None
    assert "remote-signing-config" not in load(lake, "t", "vended-credentials")
    assert load(lake, "t")["remote-signing-config"] == {"properties": {}, "headers": {}}


def make(lake, name, **members):
    schema = {"type": "struct", "fields": [{"id": 1, "name": "id", "type": "long", "required": False}]}
    headers = bearer(ADMIN) | {"X-Iceberg-Access-Delegation": "remote-signing"}
    made = suite.call("POST", f"{lake.catalog.url}/v1/namespaces/db/tables", {"name": name, "schema": schema} | members, headers)
    assert made.status == 200, made
    return made.json


def test_a_staged_table_s_files_are_written_before_it_is_made(lake):
    """As by CREATE TABLE AS SELECT of Iceberg's Java library."""
    staged = make(lake, "staged", **{"stage-create": True})
    s3, location = signing(lake, staged)
    s3.put_object(Bucket=BUCKET, Key=f"{location}/data/a", Body=b"early")
    assert s3.get_object(Bucket=BUCKET, Key=f"{location}/data/a")["Body"].read() == b"early"
    with pytest.raises(SignError):
        s3.put_object(Bucket=BUCKET, Key="db/elsewhere/data/a", Body=b"x")
    endpoint = staged["config"]["s3.signer.endpoint"]
    path, token = endpoint.split("?staged=")
    for wrong in (path, f"{path}?staged=", f"{path}?staged={token[:-2]}AA", endpoint.replace("/staged/", "/other/")):
        other, _ = signing(lake, staged | {"config": staged["config"] | {"s3.signer.endpoint": wrong}})
        with pytest.raises(SignError):
            other.get_object(Bucket=BUCKET, Key=f"{location}/data/a")
    # Made by another: the place is that table's, which the token says nothing of.
    made = make(lake, "staged")
    if made["metadata"]["location"] != staged["metadata"]["location"]:
        with pytest.raises(SignError):
            s3.get_object(Bucket=BUCKET, Key=f"{location}/data/a")


def test_a_dropped_table_s_files_are_read_and_deleted_by_who_may_drop(lake):
    """As by DROP TABLE … PURGE of Spark, which drops the table and then deletes its files by itself."""
    table = make(lake, "dropped")
    s3, location = signing(lake, table)
    reader, _ = signing(lake, table, READER)
    s3.put_object(Bucket=BUCKET, Key=f"{location}/data/a", Body=b"body")
    dropped = suite.call("DELETE", f"{lake.catalog.url}/v1/namespaces/db/tables/dropped", headers=bearer(ADMIN))
    assert dropped.status == 204, dropped
    assert reader.get_object(Bucket=BUCKET, Key=f"{location}/data/a")["Body"].read() == b"body"
    with pytest.raises(SignError):
        reader.delete_object(Bucket=BUCKET, Key=f"{location}/data/a")
    s3.delete_object(Bucket=BUCKET, Key=f"{location}/data/a")
    # Its name is another's, and so is what is signed for it.
    make(lake, "dropped")
    with pytest.raises(SignError):
        s3.get_object(Bucket=BUCKET, Key=f"{location}/metadata/x")
