"""The credentials in a Secret, for each kind of storage a closed list of keys (S1).

Libraries take dozens of further settings. Some of them are addresses that the library sends
credentials to, and some are paths of files that it reads. So nothing of a Secret is passed on but
what is listed here.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic import SecretStr

from gemini_operator.api.group import GROUP
from gemini_operator.payload.objects.errors import InvalidReference, NotAllowed

HOSTS: Final = f"{GROUP}/hosts"
"""Annotation of a Secret for https inputs: the hosts its credentials may be sent to."""

SERVICE_ACCOUNT: Final = "service_account.json"

VALUE_LIMIT = 4096
"""Characters of a value; a session token has about a thousand."""
FILE_LIMIT = 16 * 1024
"""Characters of a service account's key file, which has about two thousand."""

S3_ALIASES: Final = {
    "AWS_ACCESS_KEY_ID": "access_key_id",
    "AWS_SECRET_ACCESS_KEY": "secret_access_key",
    "AWS_SESSION_TOKEN": "session_token",
    "AWS_REGION": "region",
}
"""Spellings that many Secrets for S3 have already."""

_VISIBLE = re.compile(r"[\x21-\x7e]+")
_PRINTABLE = re.compile(r"[\x20-\x7e]+")
_REGION = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_ACCOUNT = re.compile(r"[a-z0-9]{3,24}")
_BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}")
_SAS = re.compile(r"\??[A-Za-z0-9]+=[\x21-\x25\x27-\x7e]*(?:&[A-Za-z0-9]+=[\x21-\x25\x27-\x7e]*)*")
_EMAIL = re.compile(r"[A-Za-z0-9._+-]+@[A-Za-z0-9.-]+")
_HOST = re.compile(r"[a-z0-9][a-z0-9.-]{0,252}")
_PEM = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----\n[A-Za-z0-9+/=\r\n]+-----END [A-Z ]*KEY-----\s*"
)
_KEY_NAME = re.compile(r"[-._a-zA-Z0-9]{1,253}")


@dataclass(frozen=True)
class S3Credentials:
    """An access key of S3, or of a service that speaks its protocol."""

    access_key_id: SecretStr
    secret_access_key: SecretStr
    session_token: SecretStr | None = None
    region: str | None = None


@dataclass(frozen=True)
class GcsCredentials:
    """A key of a Google service account."""

    service_account_key: SecretStr
    """JSON with no more than the account's address and its private key."""


@dataclass(frozen=True)
class AzureCredentials:
    """An account of Azure Blob Storage, with its key or a shared access signature."""

    account_name: str
    account_key: SecretStr | None = None
    sas_token: SecretStr | None = None


@dataclass(frozen=True)
class HttpsCredentials:
    """A bearer token, or a user and a password, for some hosts."""

    hosts: frozenset[str]
    secret: str
    """The Secret's name, for messages."""
    token: SecretStr | None = None
    username: SecretStr | None = None
    password: SecretStr | None = None

    def check_host(self, host: str) -> None:
        """Make sure that the credentials may be sent to the host (S5).

        Raises:
            NotAllowed: the Secret's annotation does not list it.
        """
        if host not in self.hosts:
            raise NotAllowed(
                f"the credentials in Secret {self.secret} are not for the host {host}: "
                f"add it to the Secret's annotation {HOSTS}"
            )


BucketCredentials = S3Credentials | GcsCredentials | AzureCredentials
Credentials = BucketCredentials | HttpsCredentials


def from_secret(
    name: str,
    data: Mapping[str, SecretStr | bytes],
    scheme: str,
    annotations: Mapping[str, str] | None = None,
) -> Credentials:
    """Return the credentials in a Secret. No file is opened and nothing is sent.

    Args:
        name: of the Secret, for messages.
        data: of the Secret, decoded from base64.
        scheme: of the object's URI: s3, gs, az or https.
        annotations: of the Secret.

    Raises:
        InvalidReference: a key is missing or not in the list of the scheme, or a value cannot be
            right. The message names the Secret and the key, never a value.
    """
    secret = _Secret(name, scheme, data)
    match scheme:
        case "s3":
            return _s3(secret)
        case "gs":
            return _gcs(secret)
        case "az":
            return _azure(secret)
        case "https":
            return _https(secret, (annotations or {}).get(HOSTS, ""))
    raise InvalidReference("credentials are for s3, gs, az and https URIs: correct the URI")


class _Secret:
    """The keys of a Secret that are allowed; any other is an error."""

    def __init__(self, name: str, scheme: str, data: Mapping[str, SecretStr | bytes]) -> None:
        self.name = name
        self._scheme = scheme
        self._data = data

    def restrict(self, *keys: str, aliases: Mapping[str, str] | None = None) -> None:
        """Refuse keys other than these, and rename aliases."""
        renamed: dict[str, SecretStr | bytes] = {}
        for key, value in self._data.items():
            own = (aliases or {}).get(key, key)
            if own not in keys:
                shown = f"the key {key}" if _KEY_NAME.fullmatch(key) else "a key"
                allowed = ", ".join(keys)
                raise self.error(
                    f"has {shown}, which is not one for {self._scheme}: it may have {allowed} only"
                )
            if own in renamed:
                raise self.error(f"has {own} in two spellings: leave one out")
            renamed[own] = value
        self._data = renamed

    def need(self, key: str, allowed: re.Pattern[str] = _VISIBLE) -> SecretStr:
        found = self.find(key, allowed)
        if found is None:
            raise self.error(f"lacks the key {key}: add it")
        return found

    def find(self, key: str, allowed: re.Pattern[str] = _VISIBLE) -> SecretStr | None:
        if key not in self._data:
            return None
        value = self.text(key, VALUE_LIMIT)
        if allowed.fullmatch(value) is None:
            raise self.error(
                f"has a value under {key} that cannot be right: it is empty, or has a space, a line "
                "break or another character that is not allowed; a line break at its end counts too"
            )
        return SecretStr(value)

    def text(self, key: str, limit: int) -> str:
        value = self._data[key]
        try:
            text = value.decode() if isinstance(value, bytes) else value.get_secret_value()
        except UnicodeDecodeError:
            raise self.error(f"has a value under {key} that is not text: replace it") from None
        if len(text) > limit:
            raise self.error(f"has more than {limit} characters under {key}: replace it")
        return text

    def has(self, key: str) -> bool:
        return key in self._data

    def error(self, what: str) -> InvalidReference:
        return InvalidReference(f"Secret {self.name} {what}")


def _s3(secret: _Secret) -> S3Credentials:
    keys = ("access_key_id", "secret_access_key", "session_token", "region")
    secret.restrict(*keys, aliases=S3_ALIASES)
    region = secret.find("region", _REGION)
    return S3Credentials(
        secret.need("access_key_id"),
        secret.need("secret_access_key"),
        secret.find("session_token"),
        None if region is None else region.get_secret_value(),
    )


def _gcs(secret: _Secret) -> GcsCredentials:
    secret.restrict(SERVICE_ACCOUNT)
    if not secret.has(SERVICE_ACCOUNT):
        raise secret.error(f"lacks the key {SERVICE_ACCOUNT}: add it")
    account = _object(secret, secret.text(SERVICE_ACCOUNT, FILE_LIMIT))
    # Only these: its other members are addresses that the private key would be used for.
    members: dict[str, re.Pattern[str]] = {
        "client_email": _EMAIL,
        "private_key": _PEM,
        "private_key_id": _VISIBLE,
    }
    kept = {"type": "service_account"}
    for member, pattern in members.items():
        value = account.get(member)
        if not isinstance(value, str) or pattern.fullmatch(value) is None:
            raise secret.error(
                f"has no usable {member} in {SERVICE_ACCOUNT}: use the JSON key of a service account"
            )
        kept[member] = value
    return GcsCredentials(SecretStr(json.dumps(kept)))


def _object(secret: _Secret, text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise secret.error(f"has something else than a JSON object under {SERVICE_ACCOUNT}")
    return found


def _azure(secret: _Secret) -> AzureCredentials:
    secret.restrict("account_name", "account_key", "sas_token")
    account = secret.need("account_name", _ACCOUNT).get_secret_value()
    key, sas = secret.find("account_key", _BASE64), secret.find("sas_token", _SAS)
    _exactly_one(secret, ("account_key", "sas_token"))
    return AzureCredentials(account, key, sas)


def _https(secret: _Secret, hosts: str) -> HttpsCredentials:
    secret.restrict("token", "username", "password")
    _exactly_one(secret, ("token", "username"))
    allowed = _hosts(secret, hosts)
    if secret.has("token"):
        if secret.has("password"):
            raise secret.error("has a token and a password: leave one out")
        return HttpsCredentials(allowed, secret.name, token=secret.need("token"))
    username = secret.need("username", _PRINTABLE)
    if ":" in username.get_secret_value():
        raise secret.error("has a colon under username, which a user's name cannot have")
    password = secret.need("password", _PRINTABLE)
    return HttpsCredentials(allowed, secret.name, username=username, password=password)


def _hosts(secret: _Secret, annotation: str) -> frozenset[str]:
    hosts = [host.strip().lower().rstrip(".") for host in annotation.split(",") if host.strip()]
    if not hosts:
        raise secret.error(f"lacks the annotation {HOSTS}: list the hosts it is for, with commas")
    if not _all(_HOST.fullmatch, hosts):
        raise secret.error(f"has something else than hosts with commas in its annotation {HOSTS}")
    return frozenset(hosts)


def _exactly_one(secret: _Secret, keys: tuple[str, str]) -> None:
    one, other = keys
    if secret.has(one) and secret.has(other):
        raise secret.error(f"has both {one} and {other}: leave one out")
    if not secret.has(one) and not secret.has(other):
        raise secret.error(f"lacks the key {one} or {other}: add one")


def _all(check: Callable[[str], object], values: Iterable[str]) -> bool:
    return all(check(value) for value in values)
