"""The catalog against the text of the REST catalog's specification: requests are made up from it, and every answer has to
be one that it documents, with a body of the shape it documents.

    ICEBERG_REST_SPEC=…/rest-catalog-open-api.yaml PATH=…:$PATH pytest test_catalog_specification.py

The specification is not part of this project, and Schemathesis, which makes up the requests, is needed by this test alone:
`pip install schemathesis==4.32.5`.
"""

import os
import pathlib
import re
import shutil
import subprocess

import pyarrow
import pytest
from suite import Suite, call

SPECIFICATION = os.environ.get("ICEBERG_REST_SPEC", "")
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
# These take away what the other operations need to answer more than 404.
REMOVING = {"dropTable", "unregisterTable", "renameTable", "dropView", "renameView"}
SCHEMA = {
    "type": "struct",
    "fields": [
        {"id": 1, "name": "id", "required": False, "type": "long"}, {"id": 2, "name": "name", "required": False, "type": "string"},
    ],
}
VIEW = {
    "name": "v",
    "schema": SCHEMA,
    "view-version": {
        "version-id": 1, "timestamp-ms": 0, "schema-id": 0, "summary": {}, "default-namespace": ["specification"],
        "representations": [{"type": "sql", "sql": "select 1", "dialect": "spark"}],
    },
    "properties": {},
}
FUNCTION = {
    "function-uuid": "42fd3f91-bc10-41c1-8a52-92b57dd0a9b2",
    "format-version": 1,
    "definitions": [
        {
            "definition-id": "int", "parameters": [{"name": "x", "type": "int"}], "return-type": "int", "function-type": "udf",
            "versions": [{"version-id": 1, "timestamp-ms": 0, "representations": [{"type": "sql", "dialect": "spark", "sql": "x"}]}],
            "current-version-id": 1,
        }
    ],
    "definition-log": [{"timestamp-ms": 0, "definition-versions": [{"definition-id": "int", "version-id": 1}]}],
}
PARAMETERS = """
[parameters]
"path.prefix" = "analytics"
"path.namespace" = "specification"
"path.table" = "t"
"path.view" = "v"
"path.function" = "f"
"path.plan-id" = "{plan}"
"""
# Half of the scans are of columns that there are, and half of what is to be signed lies in the table: all made up, every one
# would be refused.
HOOKS = """
import schemathesis

LOCATION, ENDPOINT = {location!r}, {endpoint!r}


@schemathesis.hook
def map_body(context, body):
    name = context.operation.definition.raw["operationId"]
    if isinstance(body, dict) and len(repr(body)) % 2:
        if name == "planTableScan":
            body = {{key: value for key, value in body.items() if key in ("select", "case-sensitive", "min-rows-requested")}}
            body |= {{"filter": {{"type": "gt", "term": "id", "value": 1}}, "stats-fields": ["id", "name"], "select": ["id"]}}
        if name == "signRequest":
            body |= {{"region": "us-east-1", "method": "GET", "headers": {{}}, "uri": f"{{ENDPOINT}}/{{LOCATION}}/data/x"}}
    return body
"""


@pytest.fixture(scope="module")
def specification(tmp_path_factory):
    if not SPECIFICATION:
        pytest.skip("ICEBERG_REST_SPEC does not name the specification's rest-catalog-open-api.yaml")
    if not shutil.which("schemathesis"):
        pytest.skip("schemathesis is not installed: pip install schemathesis==4.32.5")
    text = pathlib.Path(SPECIFICATION).read_text()
    # For views it names the bare error where its own examples, and every client, have it wrapped.
    paths, rest = text.split("\ncomponents:\n", 1)
    path = tmp_path_factory.mktemp("specification") / "catalog.yaml"
    # A value of several primitive types, as every number is, would be none of exactly one.
    rest = rest.replace("    PrimitiveTypeValue:\n      oneOf:", "    PrimitiveTypeValue:\n      anyOf:")
    path.write_text(paths.replace("schemas/ErrorModel'", "schemas/IcebergErrorResponse'") + "\ncomponents:\n" + rest)
    return path


def operations(text):
    """Operation ids by "METHOD path", as `GET /v1/config` lists endpoints."""
    found, path, method = {}, None, None
    for line in text.splitlines():
        if match := re.match(r"  (/v1/\S+):$", line):
            path = match[1]
        elif match := re.match(r"    (get|post|put|head|delete):$", line):
            method = match[1].upper()
        elif match := re.match(r"      operationId: (\w+)$", line):
            found[f"{method} {path}"] = match[1]
    return found


def planned(suite):
    """Rows in the table that the requests are about, the id of a plan of it, and where on S3 it lies."""
    table = suite.pyiceberg().load_table("specification.t")
    table.append(pyarrow.table({"id": [1, 2], "name": ["a", "b"]}))
    answer = call("POST", f"{suite.catalog.url}/v1/namespaces/specification/tables/t/plan", {"stats-fields": ["id"]})
    assert answer.status == 200 and len(answer.json["file-scan-tasks"]) == 1, answer
    return answer.json["plan-id"], table.location().removeprefix("s3://")


@pytest.mark.parametrize("removing", [False, True], ids=["keeping", "removing"])
def test_every_answer_is_documented(specification, tmp_path, removing, store):
    with Suite(store).start("catalog") as suite:
        base = f"{suite.catalog.url}/v1/namespaces"
        for method, path, body in [
            ("POST", "", {"namespace": ["specification"]}),
            ("POST", "/specification/tables", {"name": "t", "schema": SCHEMA}),
            ("POST", "/specification/tables", {"name": "stays", "schema": SCHEMA}),
            ("POST", "/specification/views", VIEW),
            ("PUT", "/specification/functions/f", FUNCTION),
        ]:
            answer = call(method, base + path, body)
            assert answer.status == 200, answer
        served = set(call("GET", f"{suite.catalog.url}/v1/config").json["endpoints"]) | {"GET /v1/config", "POST /v1/oauth/tokens"}
        chosen = [
            name for endpoint, name in operations(specification.read_text()).items()
            if endpoint in served and (name in REMOVING) == removing
        ]
        assert len(chosen) > 4
        plan, location = planned(suite)
        (tmp_path / "schemathesis.toml").write_text(PARAMETERS.format(plan=plan))
        endpoint = suite.seaweed.endpoint if suite.seaweed else "http://localhost"
        (tmp_path / "hooks.py").write_text(HOOKS.format(location=location, endpoint=endpoint))
        count = "50" if os.environ.get("ANALYTICS_LONG") else "5"
        run = subprocess.run(
            ["schemathesis", "--config-file", "schemathesis.toml", "run", specification, "--url", suite.catalog.url,
             "--checks", CHECKS, "--phases", "examples,coverage,fuzzing", "--max-examples", count, "--seed", "1",
             "--generation-deterministic", "--continue-on-failure", "--no-color", "--suppress-health-check", "all",
             "--warnings", "off", *[part for name in chosen for part in ("--include-operation-id", name)]],
            cwd=tmp_path, capture_output=True, text=True, timeout=1800,
            env={**os.environ, "SCHEMATHESIS_HOOKS": "hooks", "PYTHONPATH": str(tmp_path)})
        assert run.returncode == 0, run.stdout[-8000:] + run.stderr[-2000:]
