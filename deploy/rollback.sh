#!/usr/bin/env bash
# Puts services back to their former release: rollback.sh ENVIRONMENT [--yes] SERVICE…
# shellcheck source=deploy/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

read_choice "rolling back" "$@"
home=$var/$environment

# All or none: look first.
for service in "${chosen[@]}"; do
    [ -e "$home/$service/previous/bin/analytics-$service" ] || fail "$service has no former release in $environment to go back to"
done
for service in "${chosen[@]}"; do
    former=$(readlink "$home/$service/previous") current=$(readlink "$home/$service/current")
    ln -sfn "$former" "$home/$service/current.new"
    mv -T "$home/$service/current.new" "$home/$service/current"
    # Going back again returns to the release that was left.
    ln -sfn "$current" "$home/$service/previous"
    supervisor "$environment" restart "$service" > /dev/null
    wait_ready "$environment" "$service" 30 || fail "$service is not ready after its rollback: see $home/logs/$service.log"
    say "$(printf '%-10s' "$service") back on ${former##*/}"
done
