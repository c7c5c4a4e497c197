#!/usr/bin/env bash
# Puts all five services back to their former release: rollback-all.sh ENVIRONMENT [--yes]
# shellcheck source=deploy/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
exec "$root/deploy/rollback.sh" "${1:-}" "${@:2}" "${services[@]}"
