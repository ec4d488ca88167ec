# shellcheck shell=bash
# Sourced after lib.sh: programs that bin/run starts, each in a process group of its own, known by .local/run/NAME.pid.

RUN=$LOCAL/run
mkdir -p "$RUN"

# started_at PID: when it started, in the kernel's ticks; tells a process from a later one with the same number. Nothing
# for one that has ended and only waits for its parent to notice, which some containers' first process never does.
started_at() { sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | awk '$1 != "Z" { print $20 }'; }

# group_alive PGID: some process of the group has not ended.
group_alive() { ps -e -o pgid= -o stat= | awk -v group="$1" '$1 == group && $2 !~ /^Z/ { found = 1 } END { exit !found }'; }

# proc_start NAME LOG COMMAND...: in a session of its own, so that closing the terminal does not end it.
proc_start() {
    local name=$1 log=$2
    shift 2
    setsid "$@" >>"$log" 2>&1 </dev/null &
    local pid=$!
    printf '%s %s\n' "$pid" "$(started_at "$pid")" >"$RUN/$name.pid"
}

# proc_pid NAME: its process id, or nothing when it is not running.
proc_pid() {
    local pid start
    read -r pid start 2>/dev/null <"$RUN/$1.pid" || return 1
    [ -n "$start" ] && [ "$(started_at "$pid")" = "$start" ] && echo "$pid"
}

# proc_stop NAME [SECONDS]: ask its whole group to end; after that time, make it.
proc_stop() {
    local name=$1 patience=${2:-60} pid
    if pid=$(proc_pid "$name"); then
        note "stopping $name"
        kill -TERM -- "-$pid" 2>/dev/null || true
        local until=$((SECONDS + patience))
        while group_alive "$pid"; do
            if [ $SECONDS -ge $until ]; then
                warn "$name did not end within ${patience}s: killed"
                kill -KILL -- "-$pid" 2>/dev/null || true
                break
            fi
            sleep 0.1
        done
    fi
    rm -f "$RUN/$name.pid"
}
