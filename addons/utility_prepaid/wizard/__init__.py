from . import (
    utility_building_layout,
    utility_check_reason,
    utility_command_resolve,
    utility_vend_write_off,
)
