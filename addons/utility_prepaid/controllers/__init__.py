from . import receipt, shift
