"""The functions of the sealed protocol under the name they had before there were other shapes."""

from .sealed_frame import *
