"""What is said to one meter, from the first question to the result: generators over ``question``.

They do no input or output: the same conversation runs on a line and in a test.
"""

from .clock import set_clock
from .reading import read
from .switching import switch
from .writing import write

__all__ = ["read", "set_clock", "switch", "write"]
