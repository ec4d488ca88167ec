from . import (
    utility_building_layout,
    utility_check_reason,
    utility_command_resolve,
    utility_meter_loss,
    utility_roll_forward,
    utility_roll_forward_line,
    utility_cash_count,
    utility_cash_move_create,
    utility_cash_session_close,
    utility_vend_pay_due,
    utility_counter_invoice,
    utility_incoming_settle,
    utility_vend_write_off,
    utility_vend_wrong_room,
)
from . import utility_acquirer_resolve, utility_tax_invoice_import, utility_tax_invoice_red
