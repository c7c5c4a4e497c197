"""docs/api/catalog.yaml against a running catalog: every operation is called, and answers with a documented status and body."""

import re

import jsonschema
import pyarrow
import pytest
import yaml
from suite import ROOT, Suite, call

DOCUMENT = yaml.safe_load((ROOT / "docs" / "api" / "catalog.yaml").read_text())
OPERATIONS = {
    operation["operationId"]: (method.upper(), path, operation)
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
    if method != "parameters"
}
NAMES = {"namespace": "docs", "table": "t", "view": "v", "function": "f", "subject": "page.view", "version": "1"}
SCHEMA = {"type": "object", "properties": {"path": {"type": "string"}}}
FUNCTION = {
    "function-uuid": "1f8b2c52-2a5e-4b1a-9d3e-5f7a6b8c9d01",
    "format-version": 1,
    "definitions": [{
        "definition-id": "int", "parameters": [{"name": "x", "type": "int"}], "return-type": "int", "function-type": "udf",
        "versions": [{
            "version-id": 1, "timestamp-ms": 1734507000123,
            "representations": [{"type": "sql", "dialect": "trino", "sql": "x + 1"}],
        }],
        "current-version-id": 1,
    }],
    "definition-log": [{
        "timestamp-ms": 1734507000123, "definition-versions": [{"definition-id": "int", "version-id": 1}],
    }],
}
JANE = {"permissions": [{"principal": "jane", "role": "reader"}, {"principal_role": "night", "role": "writer"}]}
VIEW = {
    "name": "v",
    "schema": {"type": "struct", "fields": [{"id": 1, "name": "id", "required": False, "type": "long"}]},
    "view-version": {
        "version-id": 1, "timestamp-ms": 1, "schema-id": 0, "summary": {}, "default-namespace": ["docs"],
        "representations": [{"type": "sql", "sql": "SELECT 1 AS id", "dialect": "duckdb"}],
    },
    "properties": {},
}

# In the order in which they can be made. A second call of an operation has a name behind its own.
CALLS = [
    ("getWarehousePermissions", None, 200), ("setWarehousePermissions", JANE, 200), ("getNamespacePermissions", None, 200),
    ("setNamespacePermissions", JANE, 200), ("getTablePermissions", None, 200), ("setTablePermissions", JANE, 200),
    ("getViewPermissions", None, 200), ("setViewPermissions", JANE, 200), ("setTablePermissions", {"permissions": [{}]}, 400),
    ("snapshots", None, 200), ("files", None, 200), ("validate", {}, 200), ("recover", {"dry_run": True}, 200),
    ("rebuildManifests", {"dry_run": True}, 200), ("tableHealth", None, 200), ("costs", None, 200),
    ("rebuildAll", {"dry_run": True}, 200), ("transactions", None, 200), ("metricsReports", None, 200),
    ("expireSnapshots", {"older_than_days": 0}, 200), ("rollback", {}, 400),
    ("rollback", {"as_of_timestamp": "2999-01-01T00:00:00Z"}, 200), ("rollback", {"as_of_timestamp": "soon"}, 400),
    ("putFunction", FUNCTION, 200), ("dropFunction", None, 204), ("dropFunction", None, 404),
    ("registerSchema", {"schema": SCHEMA}, 201), ("registerSchema", {"schema": SCHEMA}, 200), ("schemas", None, 200),
    ("schema", None, 200), ("configureSchema", {"strict": False}, 200), ("configureSchema", {"compatibility": "maybe"}, 422),
    ("schemaVersions", None, 200), ("schemaVersion", None, 200), ("checkSchema", {"schema": SCHEMA}, 200),
    ("inferSchema", {"samples": [{"path": "/"}]}, 200), ("inferSchema", {"samples": []}, 400), ("deleteSchema", None, 204),
    ("schema", None, 404), ("deleteSchemaVersion", None, 404), ("audit", None, 200), ("events", None, 200),
]


@pytest.fixture(scope="module")
def catalog():
    with Suite(CATALOG_TOKENS="root,reader=reads").start("catalog") as suite:
        yield suite.catalog.url


def ask(url, operation, body=None, token="root", headers=None, query=""):
    method, path, _ = OPERATIONS[operation]
    target = re.sub(r"\{(\w+)\}", lambda found: NAMES[found[1]], path)
    headers = {"Authorization": f"Bearer {token}"} | (headers or {}) if token else headers
    return call(method, url + target + query, body, headers)


def check(operation, answer):
    """The status is documented, and the body is what the document says of it."""
    documented = OPERATIONS[operation][2]["responses"]
    assert str(answer.status) in documented, f"{operation} answered {answer}"
    response = documented[str(answer.status)]
    if "$ref" in response:
        response = DOCUMENT["components"]["responses"][response["$ref"].rsplit("/", 1)[1]]
    if "content" not in response:
        assert not answer.body
        return
    content = answer.headers["Content-Type"].split(";")[0]
    schema = response["content"][content]["schema"]
    value = answer.json if content == "application/json" else answer.body.decode()
    jsonschema.Draft202012Validator(schema | {"components": DOCUMENT["components"]}).validate(value)


@pytest.fixture(scope="module")
def filled(catalog):
    """A namespace with a table of three snapshots and a view."""
    from pyiceberg.catalog import load_catalog

    root = {"Authorization": "Bearer root"}
    client = load_catalog("api", type="rest", uri=catalog, token="root")
    client.create_namespace("docs")
    rows = pyarrow.table({"id": pyarrow.array([1, 2], pyarrow.int64())})
    table = client.create_table("docs.t", rows.schema)
    for _ in range(3):
        table.append(rows)
    assert call("POST", f"{catalog}/v1/namespaces/docs/views", VIEW, root).status == 200
    return catalog


def test_every_operation_answers_as_documented(filled):
    for operation, body, status in CALLS:
        answer = ask(filled, operation, body)
        assert answer.status == status, f"{operation}: {answer}"
        check(operation, answer)
    assert ask(filled, "schemas").headers["ETag"]
    unchanged = ask(filled, "schemas", headers={"If-None-Match": ask(filled, "schemas").headers["ETag"]})
    assert unchanged.status == 304
    check("schemas", unchanged)
    stream = ask(filled, "events", headers={"Accept": "text/event-stream"}, query="?after=start&wait=0")
    assert stream.status == 200
    check("events", stream)
    dropped(filled)
    called = {operation for operation, _, _ in CALLS} | {"dropped", "undrop", "registerAgain", "purge"}
    assert called == set(OPERATIONS)


def dropped(url):
    """Dropping and bringing back, in which the table goes away."""
    table = f"{url}/v1/namespaces/docs/tables/t"
    root = {"Authorization": "Bearer root"}
    assert call("DELETE", table, None, root).status == 204
    for operation in ("dropped", "undrop"):
        answer = ask(url, operation)
        assert answer.status == 200, answer
        check(operation, answer)
    assert ask(url, "undrop").status in (404, 409)
    assert call("POST", f"{table}/unregister", {}, root).status == 200
    for operation in ("registerAgain", "purge"):
        answer = ask(url, operation, {})
        assert answer.status == 200, answer
        check(operation, answer)


@pytest.mark.parametrize("operation", sorted(OPERATIONS))
def test_who_may_not_is_refused_as_documented(catalog, operation):
    method, _, documented = OPERATIONS[operation]
    body = {} if method in ("POST", "PUT") else None
    nobody = ask(catalog, operation, body, token=None)
    assert nobody.status == 401
    check(operation, nobody)
    reader = ask(catalog, operation, body, token="reads")
    role = documented["description"].removeprefix("Takes ").split()[0].rstrip(".")
    if role in ("writer", "maintainer", "admin"):
        assert reader.status == 403, reader
    else:
        assert reader.status != 403, reader
    check(operation, reader)
