"""Sharing boxes out between workers. Pure."""


def moves(workers, boxes):
    """Which boxes change hands so that the workers' loads come close to each other.

    Few moves: a box goes from the busiest worker to the idlest one only while that brings the two
    nearer, the largest that does.

    :param workers: ids of the workers that may be given boxes
    :param boxes: {box: (worker, lines, may be moved)}; a box of no such worker goes to one of them
    :return: {box: new worker}

    >>> moves([1, 2], {"a": (1, 4, True), "b": (1, 4, True), "c": (1, 1, True)})
    {'a': 2}
    >>> moves([1, 2], {"a": (1, 4, False), "b": (1, 1, True)})
    {'b': 2}
    >>> moves([2], {"a": (1, 4, True), "b": (1, 4, False)})
    {'a': 2}
    >>> moves([1, 2], {"a": (1, 4, True)})
    {}
    """
    loads = dict.fromkeys(workers, 0)
    owner, lines, movable = {}, {}, []
    for box, (worker, count, free) in sorted(boxes.items(), key=lambda item: str(item[0])):
        owner[box], lines[box] = worker, count
        if free:
            movable.append(box)
        if worker in loads:
            loads[worker] += count
    result = {}

    def give(box, worker):
        if owner[box] in loads:
            loads[owner[box]] -= lines[box]
        loads[worker] += lines[box]
        owner[box] = result[box] = worker

    if not loads:
        return {}
    for box in movable:
        if owner[box] not in loads:
            give(box, min(loads, key=loads.get))
    while True:
        busiest, idlest = max(loads, key=loads.get), min(loads, key=loads.get)
        gap = loads[busiest] - loads[idlest]
        nearer = [box for box in movable if owner[box] == busiest and 0 < lines[box] < gap]
        if not nearer:
            return {box: worker for box, worker in result.items() if boxes[box][0] != worker}
        give(max(nearer, key=lambda box: (min(lines[box], gap - lines[box]), lines[box])), idlest)
