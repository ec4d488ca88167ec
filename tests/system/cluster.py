"""A durable PostgreSQL cluster for these tests, and a database with both addons to copy from."""

import fcntl
import hashlib
import os
import shlex
import shutil
import subprocess
from pathlib import Path

import psycopg2
from processes import LOCAL, TOP, run
from psycopg2.errors import InsufficientPrivilege, ObjectInUse

HOME = Path(os.environ.get("SYSTEM_HOME") or LOCAL / "system")
ADDONS = "utility_prepaid,meter_gateway"
# What is in the files of these folders never reaches the database.
NOT_INSTALLED = {"lib", "worker", "tests", "__pycache__", "i18n", "readme"}


def _exports(text):
    """The variables of `bin/postgres env`."""
    script = f'{text}\nprintf \'%s\\n\' "$PGHOST" "$PGPORT" "$PGUSER" "$PATH"'
    out = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True).stdout
    host, port, user, path = out.splitlines()
    return {"PGHOST": host, "PGPORT": port, "PGUSER": user, "PATH": path}


def _postgres(*arguments):
    """bin/postgres, whatever server the caller's own environment names."""
    env = {key: value for key, value in os.environ.items() if not key.startswith("PG")}
    return subprocess.run(
        [TOP / "bin" / "postgres", *arguments],
        capture_output=True,
        text=True,
        check=True,
        env=env,
        cwd=TOP,
    ).stdout


class Cluster:
    """The cluster of this checkout's system tests; one test session at a time has it."""

    def __init__(self):
        HOME.mkdir(parents=True, exist_ok=True)
        self.data = HOME / "data"
        self._lock = (HOME / "lock").open("w")
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        self.env, self.crashes = {}, 0
        self.start()

    # ------------------------------------------------------------ the server

    def start(self):
        """Start it and make sure that it keeps what it promised to keep."""
        self.env = _exports(_postgres("start", "--dir", HOME / "pg", "--durable"))
        settings = {
            name: self.sql("postgres", f"SHOW {name}")[0][0]
            for name in ("fsync", "synchronous_commit", "full_page_writes")
        }
        assert set(settings.values()) == {"on"}, settings

    def crash(self):
        """kill -9 for the server.

        After that it brings its files to the disk before anything else: by one call for the file
        system, since asking for each of thousands of files takes half a minute on a busy disk.
        """
        conf = Path((HOME / "pg" / "place").read_text().strip()) / "data" / "postgresql.conf"
        setting = "recovery_init_sync_method = syncfs\n"
        if setting not in conf.read_text():
            with conf.open("a") as file:
                file.write(setting)
        _postgres("crash", "--dir", HOME / "pg")
        self.crashes += 1

    def stop(self):
        _postgres("stop", "--dir", HOME / "pg")
        self._lock.close()

    def connect(self, database):
        return psycopg2.connect(
            host=self.env["PGHOST"],
            port=self.env["PGPORT"],
            user=self.env["PGUSER"],
            dbname=database,
            application_name="system-test",
        )

    def sql(self, database, query, params=None):
        """Rows of one statement, on a connection of its own."""
        connection = self.connect(database)
        try:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(query, params)
                return cursor.fetchall() if cursor.description else []
        finally:
            connection.close()

    # --------------------------------------------------------------- databases

    def exists(self, name):
        return bool(self.sql("postgres", "SELECT 1 FROM pg_database WHERE datname = %s", (name,)))

    def copy(self, source, name):
        """Copy a database nobody uses, with its files.

        By files: the other strategy copies sequences with numbers drawn ahead that were written
        down for the source only. Killed before its next checkpoint, the server would draw the
        copy's numbers twice.
        """
        self.sql("postgres", f'CREATE DATABASE "{name}" TEMPLATE "{source}" STRATEGY file_copy')
        _link(self.data / "filestore" / source, self.data / "filestore" / name)

    def drop(self, name):
        # Who is not a superuser may not end an autovacuum worker that happens to be in there; on a
        # plain DROP the server ends it itself, FORCE is for connections that a killed Odoo left.
        for force in (" WITH (FORCE)", "", " WITH (FORCE)", ""):
            try:
                self.sql("postgres", f'DROP DATABASE IF EXISTS "{name}"{force}')
                break
            except (InsufficientPrivilege, ObjectInUse) as error:
                refused = error
        else:
            raise refused
        shutil.rmtree(self.data / "filestore" / name, ignore_errors=True)

    def odoo(self, *arguments, log, env=None, stdin=None):
        """Run bin/odoo to its end in this cluster."""
        command = [TOP / "bin" / "odoo", *arguments, "--data-dir", self.data]
        run(command, log, {**self.env, **(env or {})}, stdin)

    def template(self, log):
        """Name of a database with both addons, books and users; made when the addons changed."""
        base = self._base(log)
        name = f"system_{_addons_key(base)}"
        if not self.exists(name):
            building = "system_building"
            self.drop(building)
            self.copy(base, building)
            self.odoo(
                "-d", building, "-i", ADDONS, "--stop-after-init", "--no-http",
                "--max-cron-threads=0", log=log,
            )  # fmt: skip
            with (TOP / "tests" / "system" / "shell_office.py").open() as script:
                self.odoo("shell", "-d", building, "--no-http", log=log, stdin=script)
            for (old,) in self.sql(
                "postgres",
                "SELECT datname FROM pg_database WHERE datname LIKE 'system\\_%%'"
                " AND datname NOT IN (%s, %s)",
                (base, building),
            ):
                self.drop(old)
            self.sql("postgres", f'ALTER DATABASE "{building}" RENAME TO "{name}"')
            files = self.data / "filestore"
            if (files / building).exists():
                (files / building).rename(files / name)
        return name

    def _base(self, log):
        """Odoo's own modules: taken over from the cluster of the addon tests, where they are."""
        env = {key: value for key, value in os.environ.items() if not key.startswith("PG")}
        base = subprocess.run(
            [TOP / "bin" / "template-db"], stdout=subprocess.PIPE, text=True, check=True, env=env
        ).stdout.strip()
        name = f"system_base_{base.rpartition('_')[2]}"
        if not self.exists(name):
            theirs = _exports(_postgres("env", "--fast"))
            self.drop("system_restoring")
            self.sql("postgres", "CREATE DATABASE system_restoring TEMPLATE template1")
            dump, restore = ("pg_dump", "-Fc", base), (
                "pg_restore", "--no-comments", "--no-owner", "--exit-on-error",
                "-d", "system_restoring",
            )  # fmt: skip
            pipe = f"env {_assign(theirs)} {shlex.join(dump)} | {shlex.join(restore)}"
            run(["bash", "-o", "pipefail", "-c", pipe], log, self.env)
            self.sql("system_restoring", "ANALYZE")
            _link(LOCAL / "data" / "filestore" / base, self.data / "filestore" / name)
            self.sql("postgres", f"ALTER DATABASE system_restoring RENAME TO {name}")
        return name


def _assign(env):
    return " ".join(f"{key}={shlex.quote(value)}" for key, value in env.items())


def _link(source, target):
    """Copy a filestore; its files are never changed in place, so that links do."""
    shutil.rmtree(target, ignore_errors=True)
    if source.exists():
        shutil.copytree(source, target, copy_function=os.link)


def _addons_key(base):
    digest = hashlib.sha256(base.encode())
    files = [TOP / "tests" / "system" / "shell_office.py"]
    for addon in ADDONS.split(","):
        root = TOP / "addons" / addon
        files += [
            path
            for path in root.rglob("*")
            if path.is_file() and not NOT_INSTALLED.intersection(path.relative_to(root).parts)
        ]
    for path in sorted(files):
        digest.update(f"{path.relative_to(TOP)}\n".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]
