"""Shared fixtures, and Hypothesis on a machine that others use too."""

import pytest
from hypothesis import settings
from meter_double import QUICK, EngineDesk, MeterDouble
from meterwire.jobs import LineSpec

# No stop-watch, nothing kept between runs, the same examples every time.
settings.register_profile("wire", deadline=None, database=None, derandomize=True)
settings.load_profile("wire")


@pytest.fixture
def meter():
    return MeterDouble("engine")


@pytest.fixture
def desk(meter):
    with EngineDesk(LineSpec("line", meter.endpoint, QUICK)) as desk:
        yield desk
