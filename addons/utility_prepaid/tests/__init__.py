from . import test_counter_acts
from . import test_board, test_board_tour
from . import test_command, test_counter, test_vend_ledger
from . import test_access, test_archive, test_contract, test_demo_site, test_tariff
from . import test_counter_tour, test_receipt, test_remainder, test_translations
from . import test_reading, test_reading_use
from . import test_command_kinds
from . import test_vend_decide
from . import test_check, test_check_base, test_meter_loss, test_roll_forward
from . import test_cash_session
from . import test_cash_session_overnight
from . import test_cash_session_report
from . import test_vend_auto
from . import test_counter_invoice, test_vend_batch, test_vend_wrong_room
from . import test_acquirer, test_menus, test_tax_invoice
from . import test_check_incoming, test_check_kinds, test_check_settlement
from . import test_tariff_properties, test_tariff_sale
from . import test_settlement_steps
from . import test_settlement_closing
from . import test_settlement_hand
from . import test_settlement_pause
from . import test_cash_session_settlement
from . import test_go_live
from . import test_vend_kinds
from . import test_quota
from . import test_limit
from . import test_vend_kinds_books
from . import test_ledger_table
from . import test_consumption
from . import test_ledger_books
from . import test_settlement_replacement
from . import test_settlement_limit
from . import test_settlement_rest
from . import test_settlement_table
from . import test_water_tax
