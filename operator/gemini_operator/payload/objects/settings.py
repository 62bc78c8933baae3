"""The settings of object storage and of https sources."""

import ipaddress
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import urlsplit

from gemini_operator.api import names
from gemini_operator.base.flags import flag
from gemini_operator.payload.objects.addresses import PRIVATE, AddressPolicy, Network
from gemini_operator.payload.objects.errors import InvalidReference
from gemini_operator.payload.objects.location import BucketLocation, parse_prefix

SCHEMES = ("s3", "gs", "az")
"""The kinds of storage that are read and written."""


class Endpoint(NamedTuple):
    """The address of a storage service."""

    name: str
    """A scheme, or a scheme and a bucket."""
    url: str


class AmbientPrefix(NamedTuple):
    """A location that the operator's own identity may be used below."""

    namespace: str
    location: BucketLocation


def _items(given: Iterable[str]) -> Iterator[str]:
    """Yield what was given in repeated flags, or in one with commas between."""
    for each in given:
        yield from filter(None, (item.strip() for item in each.split(",")))


def _path(name: str) -> str:
    return name.partition("://")[2].partition("/")[2]


def _endpoint(name: str, url: str) -> str:
    try:
        parts = urlsplit(url)
        complete = parts.scheme in ("https", "http") and bool(parts.hostname)
        _ = parts.port
    except ValueError:
        complete = False
    if not complete or not url.isascii() or not url.isprintable() or " " in url:
        raise ValueError(f"the address of {name} must be like https://storage.example.com")
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise ValueError(f"the address of {name} must have no user, query or fragment")
    return url.rstrip("/")


def _network(cidr: str) -> Network:
    try:
        return ipaddress.ip_network(cidr)
    except ValueError:
        raise ValueError(
            f"{cidr!r} must be like 10.96.0.0/12, with no bit after the mask"
        ) from None


def _private(cidr: str) -> Network:
    network = _network(cidr)
    if not any(_within(network, private) for private in PRIVATE):
        ranges = ", ".join(map(str, PRIVATE))
        raise ValueError(f"{cidr} must be in one of {ranges}; public addresses are always allowed")
    return network


def _within(inner: Network, outer: Network) -> bool:
    if isinstance(inner, ipaddress.IPv4Network):
        return isinstance(outer, ipaddress.IPv4Network) and inner.subnet_of(outer)
    return isinstance(outer, ipaddress.IPv6Network) and inner.subnet_of(outer)


def _endpoints(given: Iterable[str]) -> tuple[Endpoint, ...]:
    """Parse `NAME=URL`; NAME is a scheme, or a scheme and a bucket."""
    found: dict[str, str] = {}
    for each in _items(given):
        name, _, url = each.partition("=")
        if name not in SCHEMES and (not names.matches(names.BUCKET_URI, name) or _path(name)):
            raise ValueError(f"{name!r} must be s3, gs, az or like s3://bucket")
        if name in found:
            raise ValueError(f"{name} is given twice; leave one out")
        found[name] = _endpoint(name, url)
    return tuple(Endpoint(name, url) for name, url in found.items())


def _ambient(given: Iterable[str]) -> tuple[AmbientPrefix, ...]:
    """Parse `NAMESPACE=URI`; a namespace may have several."""
    found: list[AmbientPrefix] = []
    for each in _items(given):
        namespace, equals, uri = each.partition("=")
        if not equals or not names.matches(names.DNS_1123_LABEL, namespace):
            raise ValueError(f"{each!r} must be like team-a=s3://bucket/path, for one namespace")
        try:
            found.append(AmbientPrefix(namespace, parse_prefix(uri)))
        except InvalidReference as error:
            raise ValueError(f"the URI for {namespace}: {error}") from None
    return tuple(found)


def _denied(given: Iterable[str]) -> tuple[Network, ...]:
    return tuple(_network(each) for each in _items(given))


def _allowed(given: Iterable[str]) -> tuple[Network, ...]:
    return tuple(_private(each) for each in _items(given))


@dataclass(frozen=True, kw_only=True)
class ObjectStoreSettings:
    """The settings of object storage and of https sources.

    Raises:
        ValueError: values that cannot work; the message is one line for the administrator.
    """

    endpoints: tuple[Endpoint, ...] = flag(
        "--object-store-endpoint",
        default=(),
        multiple=True,
        parse=_endpoints,
        metavar="NAME=URL",
        help="Address of a storage service, such as s3=https://storage.example.com; NAME is s3, gs "
        "or az, or one bucket, such as s3://bucket. May be repeated. Otherwise the provider's own.",
    )
    allow_insecure: bool = flag(
        "--allow-insecure-object-store",
        default=False,
        is_flag=True,
        help="Allow an --object-store-endpoint with plain http (local emulator).",
    )
    ambient: tuple[AmbientPrefix, ...] = flag(
        "--ambient-object-store",
        default=(),
        multiple=True,
        parse=_ambient,
        metavar="NAMESPACE=URI",
        help="Let jobs of a namespace use the operator's own identity below a location, such as "
        "team-a=s3://bucket/team-a. May be repeated.",
    )
    https_deny: tuple[Network, ...] = flag(
        "--https-input-deny",
        default=(),
        multiple=True,
        parse=_denied,
        metavar="CIDR",
        help="Addresses that https inputs must not have, besides all that are not public, such as "
        "the cluster's Services. May be repeated.",
    )
    https_allow: tuple[Network, ...] = flag(
        "--https-input-allow",
        default=(),
        multiple=True,
        parse=_allowed,
        metavar="CIDR",
        help="Private addresses that https inputs may have, such as those of a company's own "
        "servers. May be repeated.",
    )
    addresses: AddressPolicy = field(init=False)
    """The addresses that https inputs may have."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "addresses", AddressPolicy(self.https_deny, self.https_allow))
        for name, url in self.endpoints:
            if url.startswith("http://") and not self.allow_insecure:
                raise ValueError(
                    f"--object-store-endpoint: {name} is plain http, which exposes objects on the "
                    "network; use https, or --allow-insecure-object-store for a local emulator"
                )

    def endpoint(self, location: BucketLocation) -> str | None:
        """Return the address of a bucket's service: its own, else its scheme's, else `None`."""
        endpoints = dict(self.endpoints)
        own = endpoints.get(f"{location.scheme}://{location.bucket}")
        return own or endpoints.get(location.scheme)

    def allows_ambient(self, namespace: str, location: BucketLocation) -> bool:
        """Return whether jobs of a namespace may use the operator's own identity there (S2)."""
        return any(
            each.namespace == namespace and each.location.covers(location) for each in self.ambient
        )
