"""Hypothesis on a machine that others use too: no stop-watch, nothing kept between runs."""

from hypothesis import settings

settings.register_profile("wire", deadline=None, database=None)
settings.load_profile("wire")
