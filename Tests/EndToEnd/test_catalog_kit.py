"""Iceberg's own tests of REST catalogs (its REST compatibility kit) with Iceberg's Java client, on both stores.

    ICEBERG_JAVA_SOURCES=…/iceberg ANALYTICS_SPARK=… pytest test_catalog_kit.py

Neither is part of this project. The sources are a checkout of apache/iceberg at the version of the kit that
`deploy/test.sh spark` sets up; besides these it takes a JDK, and of Debian `junit5` and `libassertj-core-java`.
"""

import os
import pathlib
import re
import shutil
import subprocess

import pytest
from suite import ACCESS_KEY, SECRET_KEY, Suite

SOURCES = pathlib.Path(os.environ.get("ICEBERG_JAVA_SOURCES", ""))
KIT = pathlib.Path(os.environ.get("ANALYTICS_SPARK", ""))
JARS = pathlib.Path("/usr/share/java")
LIBRARIES = (
    "assertj-core", "byte-buddy", "apiguardian-api", "opentest4j", "opentest4j-reporting-events", "opentest4j-reporting-schema",
    "junit-jupiter-api", "junit-jupiter-params", "junit-jupiter-engine", "junit-platform-commons", "junit-platform-console",
    "junit-platform-engine", "junit-platform-launcher", "junit-platform-reporting", "junit-platform-suite-api", "picocli",
)
SUITES = ("RESTCompatibilityKitCatalogTests", "RESTCompatibilityKitViewCatalogTests")
# What the kit would start a server of its own with.
SERVER = """package org.apache.iceberg.rest;
class RESTCatalogServer {
  static final String REST_PORT = "rest.port";
  static final int REST_PORT_DEFAULT = 0;
}
"""
# Where it would have views lie in temporary folders.
PLACES = """package org.apache.iceberg.view;
class KitPlaces {
  static String get(String... parts) {
    return System.getProperty("kit.base") + "/" + String.join("/", parts);
  }
}
"""


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    """The kit's classes, and the class path they need."""
    core = SOURCES / "core/src/test/java/org/apache/iceberg"
    if not (os.environ.get("ICEBERG_JAVA_SOURCES") and (core / "catalog/CatalogTests.java").exists()):
        pytest.skip("ICEBERG_JAVA_SOURCES does not name a checkout of apache/iceberg")
    if not (KIT / "jars").is_dir():
        pytest.skip("ANALYTICS_SPARK does not name a kit that deploy/test.sh spark has set up")
    missing = [name for name in LIBRARIES if not (JARS / f"{name}.jar").exists()]
    if missing or not shutil.which("javac"):
        pytest.skip(f"needs a JDK, and of Debian junit5 and libassertj-core-java: {missing}")
    spark = next((KIT / "venv").glob("lib/python3*/site-packages/pyspark/jars"))
    path = ":".join([f"{KIT}/jars/*", f"{spark}/*", *(f"{JARS}/{name}.jar" for name in LIBRARIES)])
    folder = tmp_path_factory.mktemp("kit")
    open_api = SOURCES / "open-api/src"
    texts = {
        path.name: re.sub(r"(?m)^.*ExtendWith.*\n", "", path.read_text())
        for path in [*open_api.rglob("RESTCompatibilityKit*.java"), *open_api.rglob("RCKUtils.java")]
    }
    # AssertJ of Debian 12 lacks one name each; the HTTP client of the kit cannot send what is not Latin-1; tables must lie in the
    # warehouse.
    texts["CatalogTests.java"] = re.sub(
        r"(?m)^.*setMaxStackTraceElementsDisplayed.*\n", "", (core / "catalog/CatalogTests.java").read_text()
    ).replace("unique ID 🤪", "unique ID").replace('"file:/tmp"', 'System.getProperty("kit.base")')
    texts["ViewCatalogTests.java"] = re.sub(
        r"(?m)^.*ignoringFieldsOfTypes.*\n", "", (core / "view/ViewCatalogTests.java").read_text()
    ).replace("Paths.get(tempDir.toUri().toString()", "KitPlaces.get(tempDir.getFileName().toString()")
    texts |= {"RESTCatalogServer.java": SERVER, "KitPlaces.java": PLACES}
    for name, text in texts.items():
        (folder / name).write_text(text)
    api, others = SOURCES / "api/src/test/java", SOURCES / "core/src/test/java"
    subprocess.run(
        ["javac", "-encoding", "UTF-8", "-nowarn", "-d", folder / "classes", "-cp", path, "-sourcepath", f"{others}:{api}",
         *(folder / name for name in texts)],
        check=True, capture_output=True, text=True)
    return f"{folder}/classes:{path}"


def test_iceberg_s_compatibility_kit(compiled, store, tmp_path):
    # The kit's data files exist by name alone, outside the warehouse: what is in manifests is not looked at here.
    properties = {"warehouse": "analytics", "table-default.commit.gate.level": "off", "rck.requires-namespace-create": "true",
                  "rck.supports-names-with-dot": "true"}
    with Suite(store).start("catalog") as suite:
        properties["uri"] = suite.catalog.url
        if store == "s3":
            properties |= {
                "kit.base": "s3://analytics-source/kit", "s3.endpoint": suite.seaweed.endpoint, "s3.access-key-id": ACCESS_KEY, "s3.secret-access-key": SECRET_KEY,
                "s3.path-style-access": "true", "client.region": "us-east-1",
            }
        else:
            properties["kit.base"] = f"file:{suite.directory}/object-store/analytics-source/kit"
        run = subprocess.run(
            [KIT / "java/bin/java", *(f"-D{name}={value}" for name, value in properties.items()), "-cp", compiled,
             "org.junit.platform.console.ConsoleLauncher", "--disable-banner", "--disable-ansi-colors", "--details=tree",
             *(part for name in SUITES for part in ("-c", f"org.apache.iceberg.rest.{name}"))],
            cwd=tmp_path, capture_output=True, text=True, timeout=1200)
    counts = {name: int(number) for number, name in re.findall(r"\[ +(\d+) tests (\w+) +\]", run.stdout)}
    assert run.returncode == 0 and counts["failed"] == 0 and counts["successful"] > 120, run.stdout[-12000:] + run.stderr[-2000:]
