from . import utility_cash_session_report, utility_receipt_report
