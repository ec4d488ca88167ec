# Nothing is imported here: the packages below are used by name, inside Odoo and without it.
