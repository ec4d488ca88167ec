from . import (
    test_concentrator,
    test_gateway_access,
    test_instance,
    test_translations,
    test_worker,
    test_worker_rules,
)
