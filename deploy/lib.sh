# Shared by the scripts of this folder: paths, messages, the list of services. Sourced, never run.
# shellcheck shell=bash
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# Everything made at run time lies under here; git ignores it.
var=${ANALYTICS_VAR:-$root/var}
# In the order in which they are deployed.
services=(collector catalog compaction api health)

step() { printf '\n\033[1m%s\033[0m\n' "$*" >&2; }
say() { printf '  %s\n' "$*" >&2; }
fail() {
    printf '\n\033[31merror:\033[0m %s\n' "$*" >&2
    exit 1
}

require_environment() {
    case "${1:-}" in
        development | staging | production) ;;
        *) fail "the environment is '${1:-}': give development, staging or production" ;;
    esac
}

require_service() {
    case " ${services[*]} " in
        *" ${1:-} "*) ;;
        *) fail "the service is '${1:-}': give one of ${services[*]}" ;;
    esac
}

# Reads ENVIRONMENT [--yes] SERVICE… into `environment` and `chosen`, and asks before production is touched:
# read_choice WHAT ARGUMENT…, where WHAT says what is about to be done.
read_choice() {
    local what=$1 confirmed=false argument answer
    environment=${2:-} chosen=()
    require_environment "$environment"
    for argument in "${@:3}"; do
        if [ "$argument" = --yes ]; then confirmed=true; else require_service "$argument" && chosen+=("$argument"); fi
    done
    [ ${#chosen[@]} -gt 0 ] || fail "name the services: ${services[*]}"
    if [ "$environment" = production ] && [ "$confirmed" = false ]; then
        [ -t 0 ] || fail "$what production needs a confirmation: give --yes"
        read -r -p "$what PRODUCTION: ${chosen[*]}. Go on? (yes/no) " answer
        [ "$answer" = yes ] || fail "not confirmed: nothing was changed"
    fi
}

# Runs a command as root: directly, or through sudo.
as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo > /dev/null; then
        sudo "$@"
    else
        fail "'$*' needs root: run this as root or install sudo"
    fi
}

# The value of a variable as the environment's files set it: environment_value ENVIRONMENT NAME
environment_value() (
    set -a
    # shellcheck disable=SC1090
    . "$root/deploy/environments/$1.env"
    # shellcheck disable=SC1090,SC1091
    [ -f "$var/$1/secrets.env" ] && . "$var/$1/secrets.env"
    printf '%s' "${!2:-}"
)

service_port() { environment_value "$1" "$(printf '%s' "$2" | tr '[:lower:]' '[:upper:]')_PORT"; }

# Waits until a service answers that it is ready: wait_ready ENVIRONMENT SERVICE SECONDS
wait_ready() {
    local url deadline
    url="http://127.0.0.1:$(service_port "$1" "$2")/health/ready"
    deadline=$((SECONDS + $3))
    until curl -fsS -m 2 -o /dev/null "$url" 2> /dev/null; do
        [ "$SECONDS" -lt "$deadline" ] || return 1
        sleep 0.2
    done
}

supervisor() { supervisorctl -c "$var/$1/supervisord.conf" "${@:2}"; }
