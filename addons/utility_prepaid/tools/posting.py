"""What scheduled posting does with errors."""

from psycopg2.errors import DeadlockDetected, LockNotAvailable, SerializationFailure

from odoo.exceptions import LockError, RedirectWarning, UserError, ValidationError

# Somebody else writes on the same customer's documents, a payment at the counter for instance:
# only a new transaction sees what it wrote.
BUSY = (SerializationFailure, DeadlockDetected, LockNotAvailable, LockError)
# The books refuse it: a person must mend something.
REFUSED = (UserError, ValidationError, RedirectWarning)
# Documents posted in one transaction: more save little, and hold their locks longer.
BATCH = 50
