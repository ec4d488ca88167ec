import gc

from odoo.tests import BaseCase, tagged

from ..worker import collecting


@tagged("post_install", "-at_install")
class TestCollecting(BaseCase):
    """Runs of one process may overlap; what they change is everybody's."""

    def setUp(self):
        super().setUp()
        self.addCleanup(gc.set_threshold, *gc.get_threshold())
        gc.set_threshold(12_000, 20, 25)

    def test_runs_that_overlap(self):
        one, two = collecting.rarely(), collecting.rarely()
        one.__enter__()
        self.assertEqual(gc.get_threshold(), (collecting.OBJECTS, 20, 25))
        two.__enter__()
        one.__exit__(None, None, None)
        self.assertEqual(gc.get_threshold(), (collecting.OBJECTS, 20, 25), "the other goes on")
        two.__exit__(None, None, None)
        self.assertEqual(gc.get_threshold(), (12_000, 20, 25))

    def test_more_patient_already(self):
        for patient in ((200_000, 10, 10), (0, 10, 10)):
            gc.set_threshold(*patient)
            with collecting.rarely():
                self.assertEqual(gc.get_threshold(), patient)
            self.assertEqual(gc.get_threshold(), patient)
