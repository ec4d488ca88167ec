# shellcheck shell=bash
# Sourced after lib.sh, with the PostgreSQL of the environment: databases and the files that belong to them.

FILESTORE=$LOCAL/data/filestore

db_exists() { [ "$(psql -XAtqc "SELECT count(*) FROM pg_database WHERE datname = '$1'" -d postgres)" = 1 ]; }

# template1 and not template0: in our own clusters it has the extensions for searching. The encoding is said because
# another server's template1 may have any.
db_create() { createdb --template=template1 --encoding=UTF8 "$1" 2>/dev/null || createdb --template=template0 --encoding=UTF8 "$1"; }

# db_copy SOURCE NAME: the database and its files, which are never changed in place, so that links do.
db_copy() {
    createdb --template="$1" "$2"
    rm -rf "${FILESTORE:?}/$2"
    if [ -d "$FILESTORE/$1" ]; then cp -al "$FILESTORE/$1" "$FILESTORE/$2"; fi
}

db_drop() {
    dropdb --if-exists --force "$1" 2>/dev/null
    rm -rf "${FILESTORE:?}/$1"
}

# What bin/run knows of a database is kept in the database's own comment, so that it never outlives it.
db_comment() { psql -XAtqc "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = '$1'" -d postgres; }
db_set_comment() { psql -XAtqc "COMMENT ON DATABASE \"$1\" IS '$2'" -d postgres; }

# odoo_version: what tells this Odoo from another; find_odoo first.
odoo_version() {
    local home=${ODOO_HOME:-$LOCAL/odoo}
    if [ -f "$home/VERSION" ]; then
        cat "$home/VERSION"
    else
        git -C "$home" rev-parse HEAD 2>/dev/null || cat "$ODOO_PATH/odoo/release.py"
    fi
}
