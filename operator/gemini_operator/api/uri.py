"""Addresses of stored objects, as the API server checks them.

A job's URI cannot be changed, so one that can never work is refused when the job is created.
"""

from typing import Annotated

from pydantic import Field

from gemini_operator.api.rules import first_wrong

URI_LIMIT = 2048

SCHEMA_LIMIT = 4 * URI_LIMIT
"""What the schema bounds, so that a rule with a better message refuses a URI that is too long."""

KEY_LIMIT = 1024
"""Bytes of an object's key, in every kind of storage."""

PREFIX_LIMIT = KEY_LIMIT - len("///.jsonl") - 63 - 253 - 36
"""Bytes of an output's path: a job's namespace, name and uid are added, at their longest."""

OWN_HOST = "(localhost|127[.][0-9.]*|169[.]254[.][0-9.]*)"
"""A host that is the operator's own machine, or link-local. No setting allows it."""

_HTTPS = "self.uri.startsWith('https://')"
# After the scheme of a bucket, which has five characters with its ://.
_PATH_SIZE = "self.uri.indexOf('/', 5) < 0 || self.uri.size() - self.uri.indexOf('/', 5) - 1"
_PLAIN = r"self.uri.matches(r'^[\x21-\x7e]*$')"
_ODD_LETTER = "uri has a space, a control character or a letter beyond ASCII"

_USER = (
    "!self.uri.matches('^[a-z0-9]+://[^/?#]*@')",
    "uri has a user or password: put them into the Secret that credentialsSecretRef names",
)
_BUCKET = (
    f"{_HTTPS} || self.uri.matches('^[a-z0-9]+://[a-z0-9][a-z0-9._-]{{1,220}}[a-z0-9](/|$)')",
    "uri has no valid bucket or container: a name has 3 to 222 lower-case letters, digits, ., - and _",
)
_AZURE_HOST = (
    "!self.uri.matches('^az://[^/]*[.]core[.]windows[.]net(/|$)')",
    "uri has the address of a storage account: write az://container/path, and its name into the Secret",
)
_DOTS = (
    "!self.uri.matches('^[^?]*/[.]{1,2}(/|[?]|$)')",
    "uri has . or .. between its slashes: write the path out",
)

_INPUT = (
    (
        "self.uri.matches('^(s3|gs|az|https)://')",
        "uri must begin with s3://, gs://, az:// or https://, in lower case",
    ),
    (f"{_HTTPS} || {_PLAIN}", f"{_ODD_LETTER}: give the object another name"),
    (_PLAIN, f"{_ODD_LETTER}: escape it, as in %20, and write a host in its form with xn--"),
    _USER,
    (
        f"{_HTTPS} || !self.uri.matches('[?#]')",
        "uri has ? or #: leave out what follows, or give the object a name without them",
    ),
    ("!self.uri.contains('#')", "uri has #: leave out what follows it"),
    _BUCKET,
    _AZURE_HOST,
    (
        f"!{_HTTPS} || self.uri.matches('^https://[A-Za-z0-9][A-Za-z0-9.-]{{0,252}}(:[0-9]*)?([/?]|$)')",
        "uri has no valid host: write https://host/path, with a name or an IPv4 address as host",
    ),
    (
        f"!{_HTTPS} || !self.uri.matches('^https://{OWN_HOST}(:443)?([/?]|$)')",
        "uri has the operator's own address or a link-local one as host: name the server",
    ),
    (
        f"!{_HTTPS} || self.uri.matches('^https://[^/?:]*(:443)?([/?]|$)')",
        "uri has a port other than 443, the only one that is read from: leave it out",
    ),
    (
        f"!{_HTTPS} || self.uri.matches('^https://[^/?]*/')",
        "uri names no object: add its path after the host",
    ),
    (
        f"{_HTTPS} || self.uri.matches('^[a-z0-9]+://[^/]+/.')",
        "uri names no object: add the object's path after the bucket",
    ),
    (
        f"{_HTTPS} || !self.uri.matches('^[a-z0-9]+://.*//')",
        "uri has // in its path: write one slash, or give the object another name",
    ),
    (
        f"{_HTTPS} || !self.uri.endsWith('/')",
        "uri ends with /, so it names a folder: name one object",
    ),
    _DOTS,
    (
        f"{_HTTPS} || {_PATH_SIZE} <= {KEY_LIMIT}",
        f"uri has a path of more than {KEY_LIMIT} characters: give the object a shorter name",
    ),
    (
        f"self.uri.size() <= {URI_LIMIT}",
        f"uri has more than {URI_LIMIT} characters: shorten it, or put credentials into a Secret",
    ),
)
_OUTPUT = (
    (f"!{_HTTPS}", "results cannot be written to an https URL: use s3://, gs:// or az://"),
    (
        "self.uri.matches('^(s3|gs|az)://')",
        "uri must begin with s3://, gs:// or az://, in lower case",
    ),
    (_PLAIN, f"{_ODD_LETTER}: write a path without them"),
    _USER,
    ("!self.uri.matches('[?#]')", "uri has ? or #: write a path without them"),
    _BUCKET,
    _AZURE_HOST,
    ("!self.uri.matches('^[a-z0-9]+://.*//')", "uri has // in its path: write one slash"),
    _DOTS,
    (
        f"{_PATH_SIZE} <= {PREFIX_LIMIT}",
        f"uri has a path of more than {PREFIX_LIMIT} characters: write a shorter one",
    ),
)

# Rules of the object that has the URI: the API server would show the value, and a password in it,
# if they were rules of the URI. An empty one is refused by a rule, which says more than a bound.
INPUT_URI = first_wrong(*_INPUT, at=".uri")
OUTPUT_URI = first_wrong(*_OUTPUT, at=".uri")

ObjectUri = Annotated[str, Field(max_length=SCHEMA_LIMIT)]
