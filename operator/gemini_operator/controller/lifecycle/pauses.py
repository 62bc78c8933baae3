"""Pauses that grow with the time that a job has waited: quick at first, and cheap if it lasts."""


def growing(waited: float, *, part: int, soonest: float, latest: float) -> float:
    """Return the seconds until the next look: a part of the time that has passed, within bounds.

    Args:
        waited: seconds.
        part: 4 for a quarter of them.
        soonest: at least so many seconds.
        latest: at most so many.
    """
    return min(latest, max(soonest, waited / part))
