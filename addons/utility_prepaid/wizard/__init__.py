from . import utility_building_layout, utility_command_resolve
