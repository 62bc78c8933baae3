"""How much of anything one request may take."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes in bytes, times in seconds."""

    body_bytes: int = 64 * 1024
    """Google's events are usually below 20 kB."""
    body_seconds: float = 5.0
    answer_seconds: float = 5.0
    """From the whole body to the answer: keys and the write to the API server included."""
    idle_seconds: float = 5.0
    """For a connection without a complete request head, at its start and between requests."""
    linger_seconds: float = 1.0
    """How long the unread rest of a refused request is read, so that its sender sees the answer."""
    in_flight: int = 256
    """Verified deliveries written at once; more are asked to come back."""
    unverified: int = 512
    """Requests with a good address and no checked signature yet, so at most 32 MiB of bodies."""
    unverified_per_peer: int = 256
    """Of these, for one IP address, which may be a load balancer with everybody behind it."""
    unverified_per_address: int = 16
    """Of these, for one attempt of one job. Google sends few events for it."""
    drain_seconds: float = 15.0
    """For the requests that were accepted before the end of the process."""
