"""What the links hold back: requests (``late_request``) and replies (``late``)."""


class Held:
    """Jobs of lines that arrive when their time is over, or sooner when somebody says so.

    :param clockwork: :class:`~.clockwork.Clockwork`.
    """

    def __init__(self, clockwork):
        self._clockwork, self._jobs, self._count = clockwork, {}, 0

    def hold(self, line, meter, job, seconds):
        """Give a job of a meter to its line ``seconds`` from now, or when it is delivered."""
        self._count += 1
        self._jobs[self._count] = (line, meter.address, job)
        self._clockwork.at(self._clockwork.now() + seconds, self._arrive, self._count)

    def deliver(self, place=None):
        """Let arrive now, in the order in which they were held, what is held for a place.

        :param place: as faults know it (an address, ``C1/2`` or ``C1``); None for all.
        :return: how many jobs arrived.
        """
        numbers = [
            number
            for number, (line, address, _job) in self._jobs.items()
            if place in (None, address, line.name, line.site.concentrator)
        ]
        for number in numbers:
            self._arrive(number)
        return len(numbers)

    def _arrive(self, number):
        # Deadlines cannot be taken back: one whose job was delivered finds nothing.
        found = self._jobs.pop(number, None)
        if found:
            line, _address, job = found
            line.take(job)
