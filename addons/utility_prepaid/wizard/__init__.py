from . import utility_command_resolve
