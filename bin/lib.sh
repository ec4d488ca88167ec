# shellcheck shell=bash
# Sourced by every script of bin/: where things are, how progress is shown, which PostgreSQL is used.

TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
LOCAL=$TOP/.local
LOGS=$LOCAL/log
VENV=$LOCAL/venv
STAMPS=$LOCAL/stamp
# Downloaded packages; several checkouts may share one folder by setting SETUP_CACHE.
CACHE=${SETUP_CACHE:-$LOCAL/cache}
DB=${DB:-utility}
# A hash of the checkout's path names what must live outside it (short socket paths, see pg.sh).
CHECKOUT_KEY=$(printf %s "$TOP" | sha256sum | cut -c1-10)
export TOP LOCAL LOGS VENV CACHE DB CHECKOUT_KEY

# 022 whatever the caller's umask: the PostgreSQL server of a root user runs as somebody else and passes through these folders.
umask 022
mkdir -p "$LOGS" "$STAMPS"

if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then
    BOLD=$'\e[1m' DIM=$'\e[2m' RED=$'\e[31m' GREEN=$'\e[32m' YELLOW=$'\e[33m' PLAIN=$'\e[0m'
else
    BOLD='' DIM='' RED='' GREEN='' YELLOW='' PLAIN=''
fi
export BOLD DIM RED GREEN YELLOW PLAIN

# Speech goes to stderr: stdout is for what a caller reads (`bin/postgres env`).
say() { printf '%s==>%s %s\n' "$BOLD" "$PLAIN" "$*" >&2; }
note() { printf '    %s%s%s\n' "$DIM" "$*" "$PLAIN" >&2; }
warn() { printf '%swarning:%s %s\n' "$YELLOW" "$PLAIN" "$*" >&2; }
die() {
    printf '%serror:%s %s\n' "$RED" "$PLAIN" "$*" >&2
    exit 1
}
have() { command -v "$1" >/dev/null 2>&1; }
is_root() { [ "$(id -u)" -eq 0 ]; }

# How long it took, for people.
took() {
    local seconds=$1
    if [ "$seconds" -lt 60 ]; then printf '%ds' "$seconds"; else printf '%dm%02ds' $((seconds / 60)) $((seconds % 60)); fi
}

# long LABEL LOGFILE COMMAND...: run a long command into a log, with a line of life now and then, and the end of the
# log when it fails. The command gets a process group of its own, so that Ctrl-C ends all of it and nothing else.
long() {
    local label=$1 log=$2 start=$SECONDS pid rc=0 every=10
    shift 2
    mkdir -p "$(dirname "$log")"
    say "$label"
    set -m
    "$@" >"$log" 2>&1 </dev/null &
    pid=$!
    set +m
    local before
    before=$(trap -p INT TERM)
    # shellcheck disable=SC2064  # the pid of now is meant
    trap "kill -TERM -- -$pid 2>/dev/null; exit 130" INT TERM
    local next=$((start + every))
    while kill -0 "$pid" 2>/dev/null; do
        if [ $SECONDS -ge $next ]; then
            note "$(took $((SECONDS - start)))  $(life_sign "$log")"
            next=$((SECONDS + every))
        fi
        sleep 0.2
    done
    wait "$pid" || rc=$?
    trap - INT TERM
    eval "$before"
    if [ $rc -ne 0 ]; then
        # LONG_QUIET: the caller reads the log itself.
        [ -n "${LONG_QUIET:-}" ] || tail -n 25 "$log" >&2
        printf '%sfailed%s after %s (whole log: %s)\n' "$RED" "$PLAIN" "$(took $((SECONDS - start)))" "$log" >&2
    else
        note "done in $(took $((SECONDS - start)))"
    fi
    return $rc
}

# The last line of a log, without Odoo's time and process columns, cut to a terminal's width.
life_sign() { tail -n 1 "$1" 2>/dev/null | tr -d '\r' | iconv -c -t ASCII 2>/dev/null | sed -E 's/^[0-9-]+ [0-9:,]+ [0-9]+ //' | cut -c1-90; }

# Stages of the set-up are done once per content: stamped NAME KEY is true when NAME was finished with that KEY.
stamped() { [ "$(cat "$STAMPS/$1" 2>/dev/null)" = "$2" ]; }
stamp() { printf '%s\n' "$2" >"$STAMPS/$1"; }
hash_of() { cat "$@" | sha256sum | cut -c1-16; }

# free_port: a TCP port of the loopback interface that nobody listens on now.
free_port() {
    "$VENV/bin/python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# shellcheck disable=SC2034  # read by those who source this
# find_odoo: sets ODOO_SCRIPT (Odoo's own start script), ODOO_PATH (for PYTHONPATH) and ODOO_ADDONS.
# Both shapes are known: a source checkout (odoo-bin beside addons/) and an unpacked package (all under odoo/addons).
find_odoo() {
    local home=${ODOO_HOME:-$LOCAL/odoo} package
    if [ -f "$home/odoo-bin" ]; then
        ODOO_SCRIPT=$home/odoo-bin ODOO_PATH=$home ODOO_ADDONS=$home/odoo/addons,$home/addons
        return 0
    fi
    for package in "$home/usr/lib/python3/dist-packages" "$home"; do
        if [ -f "$package/odoo/release.py" ] && [ -d "$package/odoo/addons/web" ]; then
            ODOO_PATH=$package ODOO_ADDONS=$package/odoo/addons
            for ODOO_SCRIPT in "$home/usr/bin/odoo" "$package/odoo-bin" "$home/bin/odoo"; do
                [ -f "$ODOO_SCRIPT" ] && return 0
            done
        fi
    done
    return 1
}
