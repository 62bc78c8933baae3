"""The flags of the leader election."""

from dataclasses import dataclass

import click

from gemini_operator.api import names
from gemini_operator.base.flags import flag

MOST_POLL = 1.0
"""Seconds, at most, between two reads of the Lease by a standby: a release is noticed soon."""


@dataclass(frozen=True)
class ElectionSettings:
    """The flags of the leader election; times in seconds.

    Raises:
        ValueError: flags contradict each other; the message is one line for the administrator.
    """

    enabled: bool = flag(
        "--leader-elect",
        default=False,
        is_flag=True,
        help="Elect a leader among several controllers; the others are on standby. Set it on every "
        "controller.",
    )
    name: str = flag(
        "--lease-name", default="gemini-operator", help="Name of the Lease for leader election."
    )
    namespace: str | None = flag(
        "--lease-namespace",
        show_default="the controller's own",
        help="Namespace of the Lease.",
    )
    duration: int = flag(
        "--lease-duration",
        default=15,
        type=click.IntRange(1),
        metavar="SECONDS",
        help="Seconds without a renewal after which another controller takes over.",
    )
    renew_deadline: float = flag(
        "--lease-renew-deadline",
        default=10.0,
        type=click.FloatRange(0.1),
        metavar="SECONDS",
        help="Seconds without a renewal after which the leader exits; less than --lease-duration.",
    )
    """Counted from the start of the last renewal that succeeded."""
    retry_period: float = flag(
        "--lease-retry-period",
        default=2.0,
        type=click.FloatRange(0.05),
        metavar="SECONDS",
        help="Seconds between two renewals; less than --lease-renew-deadline.",
    )

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
        """Seconds for one request: if one hangs, there is time for another before the deadline."""
        return self.renew_deadline / 2

    @property
    def poll_period(self) -> float:
        """Seconds between two reads of the Lease by a standby."""
        return min(MOST_POLL, self.retry_period)
