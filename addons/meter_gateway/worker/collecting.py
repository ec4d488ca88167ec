"""Python's search for cycles, while readings come and go by the thousand."""

import gc
import threading
from contextlib import contextmanager

# More new objects than a batch of readings and its jobs are.
OBJECTS = 50_000
_lock = threading.Lock()
_before = []  # what each run of this process found; the first entry is Odoo's own


@contextmanager
def rarely():
    """Look for cycles in new objects less often.

    What a run makes lives for seconds and is then gone by itself. Each batch is many objects at
    once, which started a search through whatever was alive: a fifth of a worker's time, and pauses
    that orders waited for.
    """
    with _lock:
        _before.append(gc.get_threshold())
        objects, *others = _before[0]
        # Zero is never.
        gc.set_threshold(objects and max(OBJECTS, objects), *others)
    try:
        yield
    finally:
        with _lock:
            # Runs of one process may overlap: the last one leaves what the first one found.
            found = _before.pop()
            if not _before:
                gc.set_threshold(*found)
