from . import test_command, test_counter, test_vend_ledger
