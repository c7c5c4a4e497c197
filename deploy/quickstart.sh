#!/usr/bin/env bash
# From nothing to a queried Iceberg table: installs, builds, starts all five workers on embedded storage, sends a year of
# real flights and weather, queries them through GraphQL, compacts, and says what to open next. Safe to run again: the
# same events change no count.
# shellcheck source=deploy/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

environment=development
cd "$root"
started=$SECONDS

step "1/6  Installing what is needed"
deploy/install.sh

step "2/6  Building and starting the five workers"
deploy/build.sh
deployed_is_current() {
    local service
    for service in "${services[@]}"; do
        cmp -s ".build/release/analytics-$service" "$var/$environment/$service/current/bin/analytics-$service" || return 1
    done
    cmp -s "deploy/environments/$environment.env" "$var/$environment/collector/current/environments/$environment.env"
}
if deployed_is_current; then
    deploy/services.sh up "$environment"
    say "release $(basename "$(readlink "$var/$environment/collector/current")") is running"
else
    deploy/deploy-all.sh "$environment"
fi

step "3/6  Preparing real events: flights and weather around New York in 2013"
deploy/demo/prepare.sh

collector=http://127.0.0.1:$(service_port "$environment" collector)
step "4/6  Sending them to $collector/events"
python3 deploy/demo/send.py var/demo/flights.ndjson --url "$collector" > var/demo/sent.json
say "$(jq -r '"\(.accepted) accepted, \(.duplicates) recognised as already stored, \(.rejected) refused, \(.retries) retries"' var/demo/sent.json)"

step "5/6  Flushing, querying, compacting"
python3 deploy/demo/report.py --environment "$environment" --counts var/demo/counts.json \
    --collector "$collector" \
    --catalog "http://127.0.0.1:$(service_port "$environment" catalog)" \
    --compaction "http://127.0.0.1:$(service_port "$environment" compaction)" \
    --api "http://127.0.0.1:$(service_port "$environment" api)" \
    --health "http://127.0.0.1:$(service_port "$environment" health)"

step "6/6  Open next"
say "GraphQL explorer and dashboard   http://127.0.0.1:$(service_port "$environment" api)/"
say "Health of every worker           http://127.0.0.1:$(service_port "$environment" health)/"
say "Iceberg REST catalog             http://127.0.0.1:$(service_port "$environment" catalog)/v1/config"
say "The table's files                $var/object-store/analytics-source/analytics/events"
say "Stop it all                      deploy/services.sh down $environment"
step "Done in $((SECONDS - started)) s"
