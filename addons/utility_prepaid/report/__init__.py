from . import utility_receipt_report
