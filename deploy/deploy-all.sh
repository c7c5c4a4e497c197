#!/usr/bin/env bash
# Deploys all five services: deploy-all.sh ENVIRONMENT [--yes]. Collector, catalog, compaction, api, health, in this order.
# shellcheck source=deploy/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
exec "$root/deploy/deploy.sh" "${1:-}" "${@:2}" "${services[@]}"
