"""Where an object is: a URI in its parts, checked again (S3, S9)."""

import re
from dataclasses import dataclass, field

from gemini_operator.api import names
from gemini_operator.api.uri import KEY_LIMIT, OWN_HOST, URI_LIMIT
from gemini_operator.base import sanitize
from gemini_operator.payload.objects.errors import InvalidUri

SHOWN_LIMIT = 256
"""Characters of a location in a message, which must have room for what to do."""


_OWN = re.compile(OWN_HOST)


@dataclass(frozen=True)
class BucketLocation:
    """A bucket or container, and the key of an object or a prefix of keys in it.

    The key is what the URI says, letter by letter: a percent sign is no escape. It may be empty.
    """

    scheme: str
    bucket: str
    key: str

    @property
    def uri(self) -> str:
        """The location as a URI."""
        return f"{self.scheme}://{self.bucket}/{self.key}".removesuffix("/")

    def __str__(self) -> str:
        return sanitize.text(self.uri, SHOWN_LIMIT)

    def covers(self, other: "BucketLocation") -> bool:
        """Return whether `other` is this location or below it, compared by whole segments."""
        if (self.scheme, self.bucket) != (other.scheme, other.bucket):
            return False
        return not self.key or other.key == self.key or other.key.startswith(f"{self.key}/")


@dataclass(frozen=True)
class HttpsLocation:
    """A host, and the target of a request to it."""

    host: str
    target: str = field(repr=False)
    """Path and query, as in the URI. The query may be a credential."""

    def __str__(self) -> str:
        return sanitize.text(f"https://{self.host}{self.target.partition('?')[0]}", SHOWN_LIMIT)


Location = BucketLocation | HttpsLocation


def parse(uri: str) -> Location:
    """Return the parts of the URI of an object.

    Raises:
        InvalidUri: the URI is not an s3, gs, az or https URI that names an object.
    """
    if names.matches(names.HTTPS_URL, uri) and len(uri) <= URI_LIMIT:
        return _https(uri)
    location = parse_prefix(uri)
    if not location.key or uri.endswith("/"):
        raise InvalidUri(f"{location} names no object: add its path after the bucket")
    return location


def parse_prefix(uri: str) -> BucketLocation:
    """Return the parts of a URI below which objects are written; a slash at its end is ignored.

    Raises:
        InvalidUri: the URI is not an s3, gs or az URI.
    """
    if len(uri) > URI_LIMIT or not names.matches(names.BUCKET_URI, uri):
        raise InvalidUri(
            f"{display(uri)} is no URI of an object: write s3://bucket/path, gs://bucket/path, "
            "az://container/path or, to read, https://host/path"
        )
    scheme, _, rest = uri.partition("://")
    bucket, _, path = rest.partition("/")
    if scheme == "az" and bucket.endswith(".core.windows.net"):
        raise InvalidUri(
            f"{display(uri)} has the address of a storage account: write az://container/path, and "
            "its name into the Secret"
        )
    key = path.removesuffix("/")
    if path:
        _check_key(key, uri)
    return BucketLocation(scheme, bucket, key)


def result_location(uri: str, namespace: str, name: str, uid: str) -> BucketLocation:
    """Return where the results of a job are written: `<uri>/<namespace>/<name>/<uid>.jsonl`.

    Raises:
        InvalidUri: the URI is wrong, or a part has another grammar and might lead elsewhere.
    """
    below = parse_prefix(uri)
    parts = (names.DNS_1123_LABEL, namespace), (names.DNS_1123_SUBDOMAIN, name), (names.UID, uid)
    if not all(names.matches(pattern, part) for pattern, part in parts):
        raise InvalidUri("the job's namespace, name or uid cannot be part of a path")
    key = "/".join(filter(None, (below.key, namespace, name, f"{uid}.jsonl")))
    _check_key(key, uri)
    return BucketLocation(below.scheme, below.bucket, key)


def display(uri: str) -> str:
    """Return a URI for statuses, Events and logs: without user, password, query and fragment."""
    scheme, found, rest = uri[:URI_LIMIT].partition("://")
    if not found:
        return "the URI"
    before = rest.partition("?")[0].partition("#")[0]
    # The last @ counts: a password may have one, and so may a path, of which more is left out then.
    return sanitize.text(f"{scheme}://{before.rpartition('@')[2]}", SHOWN_LIMIT)


def _https(uri: str) -> HttpsLocation:
    authority, slash, rest = uri.removeprefix("https://").partition("/")
    path = rest.partition("?")[0]
    if {".", ".."} & set(path.split("/")):
        raise InvalidUri(f"{display(uri)} has . or .. between its slashes: write the path out")
    host = authority.removesuffix(":443").rstrip(".").lower()
    if _OWN.fullmatch(host):
        raise InvalidUri(
            f"{display(uri)} has the operator's own address or a link-local one as host: name the server"
        )
    return HttpsLocation(host, slash + rest)


def _check_key(key: str, uri: str) -> None:
    """Refuse keys that storage, or a folder behind it, may take for another one."""
    if {"", ".", ".."} & set(key.split("/")):
        raise InvalidUri(
            f"{display(uri)} has . or .. or nothing between two of its slashes: write the path out"
        )
    if len(key) > KEY_LIMIT:
        raise InvalidUri(
            f"{display(uri)} leads to a path of more than {KEY_LIMIT} characters: shorten it"
        )
