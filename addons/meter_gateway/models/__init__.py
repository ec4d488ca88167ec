from . import (
    meter_concentrator,
    meter_frame,
    meter_port,
    meter_worker,
    utility_command,
    utility_counter,
    utility_meter,
    utility_site,
)
