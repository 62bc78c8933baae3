"""What the administrator decides about several controllers of which one works."""

from dataclasses import dataclass

from gemini_operator.api import names

MOST_POLL = 1.0
"""Seconds between two looks of a standby, at most: it must notice a released Lease at once."""


@dataclass(frozen=True)
class ElectionSettings:
    """
    The Lease that the working controller holds; times in seconds.

    Raises:
        ValueError: values that contradict each other, in one line for a person.
    """

    enabled: bool
    name: str
    namespace: str | None
    """None: the process's own."""
    duration: int
    """For which others wait after the last renewal."""
    renew_deadline: float
    """After the start of the last renewal, when the holder must be gone."""
    retry_period: float
    """Between two renewals."""

    def __post_init__(self) -> None:
        if not self.retry_period < self.renew_deadline < self.duration:
            raise ValueError(
                f"--lease-retry-period {self.retry_period:g} must be below --lease-renew-deadline "
                f"{self.renew_deadline:g}, and that below --lease-duration {self.duration}: a "
                "leader must try again before it gives up, and give up before others take over"
            )
        if not names.matches(names.DNS_1123_SUBDOMAIN, self.name):
            raise ValueError(f"--lease-name {self.name!r} cannot be the name of an object")
        if self.namespace and not names.matches(names.DNS_1123_LABEL, self.namespace):
            raise ValueError(f"--lease-namespace {self.namespace!r} cannot be a namespace")

    @property
    def timeout(self) -> float:
        """For one try, so that a hanging one leaves time for another before the deadline."""
        return self.renew_deadline / 2

    @property
    def poll_period(self) -> float:
        """Between two looks of a standby."""
        return min(MOST_POLL, self.retry_period)
