"""Which installation this database belongs to: a copied database must not touch meters."""

import os
import uuid

from odoo.tools import config

VARIABLE = "METER_INSTANCE_FILE"
PARAMETER = "meter_gateway.instance_id"
DATABASE = "meter_gateway.instance_database"
COPY = "copy"


def path():
    """The file that stays behind when a database is copied to another place."""
    return os.environ.get(VARIABLE) or os.path.join(config["data_dir"], "meter_gateway_instance")


def read_file():
    """The id in the file, or an empty text."""
    try:
        with open(path(), encoding="utf-8") as file:
            return file.read(200).strip()
    except OSError:
        return ""


def write_file(instance):
    """Write the id; raises OSError where that is not allowed."""
    name = path()
    os.makedirs(os.path.dirname(name) or ".", exist_ok=True)
    with open(name, "w", encoding="utf-8") as file:
        file.write(instance + "\n")


def bound(env):
    """Why no line may be opened, in words; an empty text when all is well.

    A database that was never bound is bound now: to the id in the file, or to a new one. The name
    of the database is part of it, since a copy beside the original shares its file.
    """
    parameters = env["ir.config_parameter"].sudo()
    ours = parameters.get_param(PARAMETER)
    theirs = read_file()
    if not ours:
        return bind(env)
    if ours == COPY:
        return env._("This database is a copy of another: it opens no line.")
    if not theirs:
        return env._(
            "The instance file %s is missing: this may be a copy of another database. No line is "
            "opened until an administrator says what it is.",
            path(),
        )
    if theirs != ours or parameters.get_param(DATABASE) != env.cr.dbname:
        return env._(
            "This database does not belong to this installation: it may be a copy of another. No "
            "line is opened until an administrator says what it is."
        )
    return ""


def bind(env):
    """Make this database the one that may open lines here.

    :return: words when the file cannot be written, else an empty text
    """
    parameters = env["ir.config_parameter"].sudo()
    instance = read_file()
    if not instance:
        instance = str(uuid.uuid4())
        try:
            write_file(instance)
        except OSError as error:
            return env._(
                "The instance file %(path)s cannot be written: %(error)s",
                path=path(),
                error=error.strerror,
            )
    parameters.set_param(PARAMETER, instance)
    parameters.set_param(DATABASE, env.cr.dbname)
    return ""


def mark_copy(env):
    """Say that this database is a copy: nothing is opened until it is made the original."""
    env["ir.config_parameter"].sudo().set_param(PARAMETER, COPY)
