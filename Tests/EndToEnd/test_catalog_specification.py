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

import pytest
from suite import Suite, call

SPECIFICATION = os.environ.get("ICEBERG_REST_SPEC", "")
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
# These take away what the other operations need to answer more than 404.
REMOVING = {"dropTable", "unregisterTable", "renameTable", "dropView", "renameView"}
SCHEMA = {"type": "struct", "fields": [{"id": 1, "name": "id", "required": False, "type": "long"}]}
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


@pytest.mark.parametrize("removing", [False, True], ids=["keeping", "removing"])
def test_every_answer_is_documented(specification, tmp_path, removing):
    with Suite().start("catalog") as suite:
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
        (tmp_path / "schemathesis.toml").write_text(PARAMETERS)
        count = "50" if os.environ.get("ANALYTICS_LONG") else "5"
        run = subprocess.run(
            ["schemathesis", "--config-file", "schemathesis.toml", "run", specification, "--url", suite.catalog.url,
             "--checks", CHECKS, "--phases", "examples,coverage,fuzzing", "--max-examples", count, "--seed", "1",
             "--generation-deterministic", "--continue-on-failure", "--no-color", "--suppress-health-check", "all",
             "--warnings", "off", *[part for name in chosen for part in ("--include-operation-id", name)]],
            cwd=tmp_path, capture_output=True, text=True, timeout=1800)
        assert run.returncode == 0, run.stdout[-8000:] + run.stderr[-2000:]
