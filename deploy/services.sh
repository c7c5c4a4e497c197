#!/usr/bin/env bash
# Starts, stops and shows the services of one environment:
#   services.sh up|down|status ENVIRONMENT
#   services.sh start|stop|restart ENVIRONMENT SERVICE
#   services.sh logs ENVIRONMENT [SERVICE]
# shellcheck source=deploy/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

action=${1:-} environment=${2:-development} service=${3:-}
require_environment "$environment"
home=$var/$environment

# The bindings file tells every worker its own socket and those of the others.
write_bindings() {
    local names=([0]=ANALYTICS [1]=ANALYTICS_CATALOG [2]=ANALYTICS_COMPACTION [3]=ANALYTICS_API [4]=ANALYTICS_HEALTH)
    local deployed entries=() index name
    for index in "${!services[@]}"; do
        name=${services[$index]}
        deployed=analytics-$name-$environment
        [ "$name" = collector ] && deployed=analytics-event-collector-$environment
        entries+=("{\"binding\":\"${names[$index]}\",\"service\":\"$deployed\",\"url\":\"unix:$home/run/$name.sock\"}")
    done
    (IFS=,; printf '{"services":[%s]}\n' "${entries[*]}") > "$home/bindings.json.part"
    mv "$home/bindings.json.part" "$home/bindings.json"
}

write_supervisor_configuration() {
    # Half of what the system allows, 16384 at the most.
    local files
    files=$(ulimit -Hn)
    if [ "$files" = unlimited ] || [ "$files" -ge 32768 ]; then files=16384; else files=$((files / 2)); fi
    {
        cat << CONF
[unix_http_server]
file=$home/run/supervisor.sock
chmod=0700
[supervisord]
logfile=$home/logs/supervisord.log
pidfile=$home/run/supervisord.pid
childlogdir=$home/logs
minfds=$files
[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
[supervisorctl]
serverurl=unix://$home/run/supervisor.sock
CONF
        local name
        for name in "${services[@]}"; do
            cat << CONF
[program:$name]
command=/bin/bash $home/$name/current/run-service.sh $environment $name
environment=ANALYTICS_VAR="$var"
autostart=false
autorestart=true
startsecs=1
startretries=1000000
stopsignal=TERM
stopwaitsecs=35
stdout_logfile=NONE
stderr_logfile=$home/logs/$name.log
stderr_logfile_maxbytes=50MB
stderr_logfile_backups=5
CONF
        done
    } > "$home/supervisord.conf.part"
    mv "$home/supervisord.conf.part" "$home/supervisord.conf"
}

start_supervisor() {
    mkdir -p "$home/run" "$home/logs" "$home/wal" "$home/cache"
    chmod 700 "$home/run"
    write_bindings
    write_supervisor_configuration
    if supervisor "$environment" pid > /dev/null 2>&1; then
        supervisor "$environment" update > /dev/null
    else
        supervisord -c "$home/supervisord.conf"
        local tries=50
        until supervisor "$environment" pid > /dev/null 2>&1; do
            tries=$((tries - 1))
            [ $tries -gt 0 ] || fail "supervisord did not come up: see $home/logs/supervisord.log"
            sleep 0.1
        done
    fi
}

case $action in
    prepare) start_supervisor ;;
    up)
        [ -e "$home/collector/current" ] || fail "nothing is deployed to $environment yet: run deploy/deploy-all.sh $environment"
        start_supervisor
        for service in "${services[@]}"; do
            supervisor "$environment" status "$service" | grep -q RUNNING || supervisor "$environment" start "$service" > /dev/null
            wait_ready "$environment" "$service" 30 || fail "$service is not ready after 30 s: see $home/logs/$service.log"
        done
        ;;
    down)
        if supervisor "$environment" pid > /dev/null 2>&1; then
            pid=$(supervisor "$environment" pid)
            supervisor "$environment" shutdown > /dev/null
            while kill -0 "$pid" 2> /dev/null; do sleep 0.2; done
        fi
        say "$environment is down"
        ;;
    status)
        supervisor "$environment" status || true
        for service in "${services[@]}"; do
            current=$(readlink "$home/$service/current" 2> /dev/null || echo none)
            printf '%-12s %s\n' "$service" "${current##*/}"
        done
        ;;
    start | stop | restart)
        require_service "$service"
        supervisor "$environment" "$action" "$service"
        ;;
    logs)
        if [ -n "$service" ]; then
            require_service "$service"
            exec tail -n 50 -F "$home/logs/$service.log"
        fi
        exec tail -n 20 -F "$home"/logs/{collector,catalog,compaction,api,health}.log
        ;;
    *) fail "the action is '$action': give up, down, status, start, stop, restart or logs" ;;
esac
