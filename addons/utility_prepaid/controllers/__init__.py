from . import invoice_receipt, receipt, shift
