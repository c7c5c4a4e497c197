# What there is to do with this project. `just` alone lists it.
# just comes from PyPI (rust-just); every recipe is one script of deploy/, which works without it.

environment := env("ICEBERG_ENV", "development")

_default:
    @just --list --unsorted

# Install, build, start everything, ingest real events and query them
demo:
    deploy/quickstart.sh

# Start what is deployed
up env=environment:
    deploy/services.sh up {{ env }}

# Stop everything; nothing acknowledged is lost
down env=environment:
    deploy/services.sh down {{ env }}

# What runs, and which release
status env=environment:
    deploy/services.sh status {{ env }}

# Follow the logs, of one service or all
logs env=environment service="":
    deploy/services.sh logs {{ env }} {{ service }}

# Every test suite
test *arguments:
    deploy/test.sh {{ arguments }}

# Fuzz the parsers: all for ten minutes each, or one for so many seconds
fuzz target="" seconds="600":
    deploy/fuzz.sh "{{ target }}" {{ seconds }}

# Kill collectors, catalog and compaction under load, so many times, and check that no event is lost or doubled
chaos cycles="200":
    deploy/chaos.sh {{ cycles }}

# Simulate the collector's road from seeds: power losses, lost replies, rivals (docs/simulation.md)
simulate count="100000" first="0":
    deploy/simulate.sh {{ count }} {{ first }}

# A benchmark: ack, catalog, ingest, parquet, planning
bench name *arguments:
    deploy/bench.sh {{ name }} {{ arguments }}

# Deploy all five services to development, staging or production
deploy-all env=environment *flags:
    deploy/deploy-all.sh {{ env }} {{ flags }}

# Deploy one service
deploy-collector env=environment *flags:
    deploy/deploy.sh {{ env }} {{ flags }} collector

deploy-catalog env=environment *flags:
    deploy/deploy.sh {{ env }} {{ flags }} catalog

deploy-compaction env=environment *flags:
    deploy/deploy.sh {{ env }} {{ flags }} compaction

deploy-api env=environment *flags:
    deploy/deploy.sh {{ env }} {{ flags }} api

deploy-health env=environment *flags:
    deploy/deploy.sh {{ env }} {{ flags }} health

# Put all five services back to their former release
rollback-all env=environment *flags:
    deploy/rollback-all.sh {{ env }} {{ flags }}

rollback-collector env=environment *flags:
    deploy/rollback.sh {{ env }} {{ flags }} collector

rollback-catalog env=environment *flags:
    deploy/rollback.sh {{ env }} {{ flags }} catalog

rollback-compaction env=environment *flags:
    deploy/rollback.sh {{ env }} {{ flags }} compaction

rollback-api env=environment *flags:
    deploy/rollback.sh {{ env }} {{ flags }} api

rollback-health env=environment *flags:
    deploy/rollback.sh {{ env }} {{ flags }} health

# Format the sources
format:
    swift format -i -r Sources Tests docs/examples Package.swift
