from . import (
    meter_dialect_import,
    meter_raw_frame,
    meter_remote_operation,
    meter_restore,
    meter_restore_decision,
    utility_site_stop,
)
