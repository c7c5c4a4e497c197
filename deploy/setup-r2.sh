#!/usr/bin/env bash
# Makes the buckets of an environment and their lifecycle rules: setup-r2.sh ENVIRONMENT. Doing it again changes nothing.
#
# The object store and its credentials are those of the environment's workers: deploy/environments/<environment>.env and
# var/<environment>/secrets.env.
# shellcheck source=deploy/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

environment=${1:-}
require_environment "$environment"
[ $# -eq 1 ] || fail "give one environment and nothing else"

inspect=$root/.build/release/analytics-inspect
# One that an earlier version of the sources left may not know how.
if ! "$inspect" --help 2> /dev/null | grep -q setup-storage; then
    step "Building analytics-inspect"
    "$root/deploy/build.sh" --product analytics-inspect
fi

set -a
# shellcheck disable=SC1090
. "$root/deploy/environments/$environment.env"
# shellcheck disable=SC1090,SC1091
[ -f "$var/$environment/secrets.env" ] && . "$var/$environment/secrets.env"
OBJECT_STORE=${OBJECT_STORE:-file://$var/object-store}
set +a

step "Object storage of $environment"
report=$("$inspect" setup-storage 2>&1) || {
    printf '%s\n' "$report" >&2
    fail "the object storage of $environment is not as it should be: see the lines above; OBJECT_STORE is '$OBJECT_STORE'"
}
while read -r line; do say "$line"; done <<< "$report"
