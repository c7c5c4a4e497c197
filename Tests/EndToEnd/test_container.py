"""The container image, as far as that shows without a container engine: what it copies is a whole package, it runs the scripts that
deploy elsewhere too, and it has the packages of the libraries that the programs are linked with. And docker-compose.yml fits both."""

import json
import re
import shlex
import shutil
import subprocess

import yaml
from suite import BINARIES, ROOT

DOCKERFILE = (ROOT / "deploy" / "docker" / "Dockerfile").read_text()
PROGRAMS = {"collector": 3000, "catalog": 8181, "compaction": 8282, "api": 4000, "health": 8383}


def instructions():
    """(stage, instruction, the rest) of each one, with its continued lines."""
    stage, found = -1, []
    text = re.sub(r"^\s*#.*\n", "", DOCKERFILE, flags=re.MULTILINE)
    for line in re.sub(r"\\\n\s*", " ", text).splitlines():
        if not line.strip():
            continue
        name, rest = line.split(None, 1)
        stage += name == "FROM"
        found.append((stage, name, rest))
    return found


def runs(stage):
    return [rest for number, name, rest in instructions() if number == stage and name == "RUN"]


def test_what_the_image_copies_is_a_whole_package(tmp_path):
    for stage, name, rest in instructions():
        if stage == 0 and name == "COPY":
            *sources, target = rest.split()
            for source in sources:
                place = tmp_path / target
                if (ROOT / source).is_dir():
                    shutil.copytree(ROOT / source, place, ignore=shutil.ignore_patterns("__pycache__"))
                else:
                    shutil.copy(ROOT / source, place / source)
    run = subprocess.run(["swift", "package", "--package-path", tmp_path, "describe", "--type", "json"], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    products = {product["name"] for product in json.loads(run.stdout)["products"]}
    assert {f"analytics-{name}" for name in [*PROGRAMS, "inspect"]} <= products
    # It is installed and built by the scripts that do so everywhere, so that no list of packages stands twice.
    first, second = runs(0)
    assert first.split()[0] == "deploy/install.sh" and second.split()[0] == "deploy/build.sh"
    assert "apt-get" not in first + second
    copied = re.search(r"analytics-\{([a-z,]+)\}", second).group(1).split(",")
    assert sorted(copied) == sorted([*PROGRAMS, "inspect"])


def test_the_image_has_the_libraries_of_the_programs_and_no_others():
    words = shlex.split(next(run for run in runs(1) if "apt-get install" in run).split("&&")[1])
    listed = {word for word in words[2:] if not word.startswith("-")}
    needed = set()
    for program in [*PROGRAMS, "inspect"]:
        dynamic = subprocess.run(["readelf", "-d", BINARIES / f"analytics-{program}"], capture_output=True, text=True, check=True).stdout
        needed |= set(re.findall(r"NEEDED.*\[(.*)\]", dynamic))
    packages = set()
    for library in needed:
        # The standard library is part of a release build, DuckDB is copied.
        if library.startswith("libswift") or library.startswith("lib_") or library == "libduckdb.so":
            continue
        owner = subprocess.run(["dpkg", "-S", f"*/{library}"], capture_output=True, text=True)
        assert owner.returncode == 0, f"{library} is of no package"
        packages |= {line.split(":")[0] for line in owner.stdout.splitlines()}
    base = {"libc6", "libgcc-s1"}
    assert packages - base == listed - {"ca-certificates", "curl"}


def test_the_image_runs_on_the_debian_it_is_built_on_without_root():
    images = [rest.split()[0] for _, name, rest in instructions() if name == "FROM"]
    assert len(images) == 2 and "bookworm" in images[0] and images[1].startswith("debian:12")
    last = [(name, rest) for stage, name, rest in instructions() if stage == 1]
    assert [name for name, _ in last].index("USER") < [name for name, _ in last].index("CMD")
    assert json.loads(dict(last)["CMD"]) == ["analytics-collector"]


def test_compose_starts_each_worker_on_its_port_and_binds_it():
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    bindings = json.loads((ROOT / "deploy" / "docker" / "bindings.json").read_text())["services"]
    hosts = {re.match(r"http://(\w+):(\d+)$", each["url"]).groups() for each in bindings}
    assert hosts == {(name, str(port)) for name, port in PROGRAMS.items()}
    for name, port in PROGRAMS.items():
        service = compose["services"][name]
        assert service["command"] == f"analytics-{name}"
        assert service["ports"] == [f"127.0.0.1:{port}:{port}"]
        assert f":{port}/health/ready" in service["healthcheck"]["test"][-1]
        mounted = [volume.split(":")[0] for volume in service["volumes"]]
        assert "./deploy/docker/bindings.json" in mounted and (name != "collector" or "wal" in mounted)
        # Every variable it sets is one that the program knows.
        offered = subprocess.run([BINARIES / f"analytics-{name}", "--help"], capture_output=True, text=True, check=True).stdout
        for variable in service["environment"]:
            assert variable in offered, f"{name} knows no {variable}"
