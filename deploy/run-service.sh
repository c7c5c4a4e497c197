#!/usr/bin/env bash
# Runs one service of the release this script lies in: run-service.sh ENVIRONMENT SERVICE. Started by supervisor.
# shellcheck disable=SC1090,SC1091,SC2034
set -euo pipefail
release=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
environment=$1 service=$2
home=$ANALYTICS_VAR/$environment

set -a
. "$release/environments/$environment.env"
# Keys and credentials of this machine: never part of a release, never in git.
[ -f "$home/secrets.env" ] && . "$home/secrets.env"
port=$(printf '%s' "$service" | tr '[:lower:]' '[:upper:]')_PORT
PORT=${!port}
BINDINGS_FILE=$home/bindings.json
OBJECT_STORE=${OBJECT_STORE:-file://$ANALYTICS_VAR/object-store}
WAL_DIRECTORY=${WAL_DIRECTORY:-$home/wal}
QUERY_CACHE_DIRECTORY=${QUERY_CACHE_DIRECTORY:-$home/cache}
HEALTH_STATE_FILE=${HEALTH_STATE_FILE:-$home/health.json}
set +a
exec "$release/bin/analytics-$service"
