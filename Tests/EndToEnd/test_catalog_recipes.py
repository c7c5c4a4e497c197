"""The code of docs/recipes, as it stands there, on a catalog that asks for tokens."""

import re

import duckdb
import pytest
from suite import ROOT, Suite, extension_files

ID, SECRET = "recipes", "a-secret-of-tests"


@pytest.fixture(scope="module")
def catalog():
    with Suite(CATALOG_TOKENS="writer=recipe-token", CATALOG_CLIENTS=f"maintainer={ID}:{SECRET}").start("catalog") as suite:
        yield suite.catalog.url


def blocks(name, language, url):
    """The fenced code of a recipe, with this catalog's address and credentials."""
    text = (ROOT / "docs" / "recipes" / name).read_text()
    found = re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)
    assert len(found) >= 3, f"{name} has no code to run"
    values = {"http://localhost:8181": url, "<token>": "recipe-token", "<id>": ID, "<secret>": SECRET}
    for placeholder, value in values.items():
        found = [code.replace(placeholder, value) for code in found]
    return found


def test_pyiceberg(catalog):
    scope = {}
    for code in blocks("pyiceberg.md", "python", catalog):
        exec(compile(code, "docs/recipes/pyiceberg.md", "exec"), scope)
    assert scope["table"].name() == ("shop", "orders")


def test_duckdb(catalog):
    connection = duckdb.connect(config={"allow_unsigned_extensions": "false"})
    connection.execute("SET autoinstall_known_extensions=false; SET autoload_known_extensions=false")
    for extension in extension_files():
        connection.execute(f"LOAD '{extension}'")
    answers = []
    for code in blocks("duckdb.md", "sql", catalog):
        for statement in duckdb.extract_statements(code):
            answers.append(connection.execute(statement).fetchall())
    assert answers[-2:] == [[("large", 1), ("small", 1)], [(2,)]]
