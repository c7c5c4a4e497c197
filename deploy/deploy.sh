#!/usr/bin/env bash
# Deploys services to an environment: deploy.sh ENVIRONMENT [--yes] SERVICE…
#
# Makes a release (a versioned directory that is never changed afterwards), points each service's `current` link at it in
# turn, restarts the service and waits until it is ready. A service that does not come up is put back to its former
# release, as are those switched before it, and the deployment fails.
# Environment files are read in subshells on purpose: nothing of them may change this script's own variables.
# shellcheck disable=SC2030,SC2031
# shellcheck source=deploy/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

read_choice "deploying to" "$@"
home=$var/$environment
mkdir -p "$home/releases"
# One deployment of an environment at a time.
exec 8> "$home/deploy.lock"
flock -n 8 || fail "another deployment to $environment is under way"

"$root/deploy/build.sh"

version=$(date -u +%Y%m%dT%H%M%SZ)-$(git -C "$root" rev-parse --short HEAD 2> /dev/null || echo unversioned)
[ -z "$(git -C "$root" status --porcelain -- Sources Package.swift deploy 2> /dev/null)" ] || version=$version-modified
release=$home/releases/$version
step "Release $version"
mkdir -p "$release.part/bin" "$release.part/environments"
for service in "${services[@]}" inspect; do
    [ -x "$root/.build/release/analytics-$service" ] || continue
    cp "$root/.build/release/analytics-$service" "$release.part/bin/"
done
cp "$root/deploy/run-service.sh" "$release.part/"
cp "$root/deploy/environments/$environment.env" "$release.part/environments/"
sync "$release.part"/bin/*
mv "$release.part" "$release"

8>&- "$root/deploy/services.sh" prepare "$environment"

for service in "${chosen[@]}"; do
    [ -x "$release/bin/analytics-$service" ] || fail "the build made no analytics-$service"
    # shellcheck disable=SC2034
    (
        set -a
        # shellcheck disable=SC1090
        . "$release/environments/$environment.env"
        # shellcheck disable=SC1090,SC1091
        [ -f "$home/secrets.env" ] && . "$home/secrets.env"
        BINDINGS_FILE=$home/bindings.json OBJECT_STORE=${OBJECT_STORE:-file://$var/object-store}
        WAL_DIRECTORY=${WAL_DIRECTORY:-$home/wal} QUERY_CACHE_DIRECTORY=${QUERY_CACHE_DIRECTORY:-$home/cache}
        "$release/bin/analytics-$service" --check-config > /dev/null
    ) || fail "$service refuses its configuration in $environment: nothing was switched"
done

switched=()
for service in "${chosen[@]}"; do
    mkdir -p "$home/$service"
    former=$(readlink "$home/$service/current" || true)
    ln -sfn "../releases/$version" "$home/$service/current.new"
    mv -T "$home/$service/current.new" "$home/$service/current"
    supervisor "$environment" restart "$service" > /dev/null 2>&1 || supervisor "$environment" start "$service" > /dev/null || true
    switched+=("$service")
    if wait_ready "$environment" "$service" 30; then
        # What a rollback goes back to.
        [ -z "$former" ] || [ "$former" = "../releases/$version" ] || ln -sfn "$former" "$home/$service/previous"
        say "$(printf '%-10s' "$service") ready"
        continue
    fi
    say "$service did not become ready within 30 s; the end of its log:"
    tail -n 15 "$home/logs/$service.log" >&2 || true
    if [ -n "$former" ]; then
        ln -sfn "$former" "$home/$service/current"
        supervisor "$environment" restart "$service" > /dev/null || true
    else
        supervisor "$environment" stop "$service" > /dev/null || true
    fi
    for done in "${switched[@]}"; do
        [ "$done" = "$service" ] || "$root/deploy/rollback.sh" "$environment" --yes "$done" || true
    done
    fail "$service of release $version did not come up: put back"
done

# The ten newest releases stay, and whatever a link still names.
in_use=$(readlink "$home"/*/current "$home"/*/previous 2> /dev/null | sed 's,.*/,,' | sort -u || true)
find "$home/releases" -mindepth 1 -maxdepth 1 -type d -printf '%f\n' | sort | head -n -10 | while read -r old; do
    grep -qxF "$old" <<< "$in_use" || rm -rf "${home:?}/releases/$old"
done
