import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import pytest
from pydantic import SecretStr

from gemini_operator.payload.objects.credentials import (
    AzureCredentials,
    Credentials,
    GcsCredentials,
    HttpsCredentials,
    S3Credentials,
    from_secret,
)
from gemini_operator.payload.objects.errors import InvalidReference, NotAllowed
from tests.unit.payload.objects import secrets_of_tests as secrets

Data = Mapping[str, SecretStr | bytes]

_watching: list[list[str]] = []


def _audit(event: str, args: tuple[object, ...]) -> None:
    if _watching and event in {"open", "socket.connect", "socket.getaddrinfo", "os.listdir"}:
        _watching[-1].append(f"{event} {args}")


sys.addaudithook(_audit)


@contextmanager
def nothing_touched() -> Iterator[None]:
    """Neither a file nor the network."""
    touched: list[str] = []
    _watching.append(touched)
    try:
        yield
    finally:
        _watching.remove(touched)
    assert touched == []


def read(data: Data, scheme: str = "s3", **annotations: str) -> Credentials:
    with nothing_touched():
        return from_secret("storage", data, scheme, annotations)


def refused(data: Data, scheme: str = "s3", annotations: Mapping[str, str] | None = None) -> str:
    with nothing_touched(), pytest.raises(InvalidReference) as caught:
        from_secret("storage", data, scheme, annotations)
    assert "Secret storage" in str(caught.value)
    assert caught.value.__cause__ is None
    return str(caught.value)


def test_s3() -> None:
    found = read({**secrets.S3, "session_token": b"tok", "region": b"eu-central-1"})
    assert isinstance(found, S3Credentials)
    assert found.secret_access_key.get_secret_value() == "s3cr3t+/="
    assert found.session_token == SecretStr("tok")
    assert found.region == "eu-central-1"


def test_the_spellings_of_the_environment_are_accepted_for_s3() -> None:
    data = {"AWS_ACCESS_KEY_ID": b"AKID", "AWS_SECRET_ACCESS_KEY": b"s", "AWS_REGION": b"r1"}
    assert read(data) == S3Credentials(SecretStr("AKID"), SecretStr("s"), None, "r1")
    assert "two spellings" in refused({**secrets.S3, "AWS_ACCESS_KEY_ID": b"AKID"})


def test_s01_a_google_key_is_rebuilt() -> None:
    strange = {
        "token_uri": "https://evil.example.com",
        "gcs_base_url": "https://evil.example.com",
        "disable_oauth": True,
        "universe_domain": "evil.example.com",
    }
    found = read(secrets.gcs(**strange), "gs")
    assert isinstance(found, GcsCredentials)
    key = json.loads(found.service_account_key.get_secret_value())
    assert set(key) == {"type", "client_email", "private_key", "private_key_id"}
    assert key["type"] == "service_account"
    assert "evil" not in found.service_account_key.get_secret_value()


def test_azure() -> None:
    assert read(secrets.AZURE, "az") == AzureCredentials("myaccount", SecretStr("c2VjcmV0"))
    found = read(secrets.AZURE_SAS, "az")
    assert found == AzureCredentials("myaccount", None, SecretStr("?sv=1&sig=s%2Bx"))


def test_s05_https_credentials_are_for_hosts() -> None:
    found = read(secrets.HTTPS, "https", **secrets.HOSTS)
    assert isinstance(found, HttpsCredentials)
    found.check_host("example.com")
    found.check_host("files.example.com")
    for other in ("evil.example.com", "com", "example.com.evil.org", ""):
        with pytest.raises(NotAllowed, match="Secret's annotation"):
            found.check_host(other)


def test_https_user_and_password() -> None:
    data = {"username": b"user", "password": b"pass: word"}
    found = read(data, "https", **secrets.HOSTS)
    assert isinstance(found, HttpsCredentials)
    assert found.password == SecretStr("pass: word")


@pytest.mark.parametrize(
    ("annotations", "message"),
    [
        ({}, "lacks the annotation"),
        ({"gemini-operator.io/hosts": " , "}, "lacks the annotation"),
        ({"gemini-operator.io/hosts": "*"}, "something else than hosts"),
        ({"gemini-operator.io/hosts": "https://example.com"}, "something else than hosts"),
    ],
)
def test_s05_https_credentials_need_hosts(annotations: dict[str, str], message: str) -> None:
    assert message in refused(secrets.HTTPS, "https", annotations)


DANGEROUS = [
    *("endpoint", "aws_endpoint_url_s3", "container_credentials_full_uri", "metadata_endpoint"),
    *("container_authorization_token_file", "web_identity_token_file", "role_arn", "sts_endpoint"),
    *("federated_token_file", "msi_endpoint", "authority_host", "client_id", "use_azure_cli"),
    *("gcs_base_url", "base_url", "service_account", "application_credentials", "bearer_token"),
    *("skip_signature", "proxy_url", "allow_http", "bucket", "hosts", "aws_access_key_id", ""),
    *("AWS_ENDPOINT_URL", "AWS_CONTAINER_CREDENTIALS_FULL_URI", "Access_Key_Id"),
]


@pytest.mark.parametrize("key", DANGEROUS)
@pytest.mark.parametrize("scheme", ["s3", "gs", "az", "https"])
def test_s01_any_other_key_is_refused(key: str, scheme: str) -> None:
    complete: dict[str, Data] = {
        "s3": secrets.S3,
        "gs": secrets.gcs(),
        "az": secrets.AZURE,
        "https": secrets.HTTPS,
    }
    data = {**complete[scheme], key: SecretStr("http://127.0.0.1:1/hidden-value")}
    told = refused(data, scheme, secrets.HOSTS)
    assert key in told
    assert "hidden-value" not in told


@pytest.mark.parametrize(
    ("scheme", "data", "missing"),
    [
        ("s3", {"region": b"eu-central-1"}, "access_key_id"),
        ("s3", {}, "access_key_id"),
        ("s3", {"access_key_id": b"AKID"}, "secret_access_key"),
        ("s3", {"access_key_id": b"AKID", "secret_access_key": b""}, "secret_access_key"),
        ("gs", {}, "service_account.json"),
        ("az", {"account_key": b"c2Vj"}, "account_name"),
        ("az", {"account_name": b"myaccount"}, "account_key or sas_token"),
        ("az", {**secrets.AZURE, **secrets.AZURE_SAS}, "both account_key and sas_token"),
        ("https", {"username": b"user"}, "password"),
        ("https", {"password": b"pass"}, "token or username"),
        ("https", {"token": b"t", "password": b"pass"}, "token and a password"),
        ("https", {"token": b"t", "username": b"u", "password": b"p"}, "both token and username"),
    ],
)
def test_s02_credentials_are_complete(scheme: str, data: Data, missing: str) -> None:
    assert missing in refused(data, scheme, secrets.HOSTS)


@pytest.mark.parametrize(
    ("scheme", "key", "value"),
    [
        ("s3", "secret_access_key", b"hidden\n"),
        ("s3", "secret_access_key", b"hid den"),
        ("s3", "secret_access_key", b"hidden\x00"),
        ("s3", "secret_access_key", "hiddén".encode()),
        ("s3", "secret_access_key", b"hidden\xff"),
        ("s3", "secret_access_key", b"hidden" * 1000),
        ("s3", "region", b"hidden.evil.example.com/"),
        ("s3", "region", b"HIDDEN"),
        ("az", "account_name", b"hidden.evil.example.com"),
        ("az", "account_key", b"hidden!"),
        ("https", "token", b"hidden\r\nHost: evil"),
        ("https", "username", b"hidden:x"),
        ("gs", "service_account.json", b"hidden"),
        ("gs", "service_account.json", b'["hidden"]'),
        ("gs", "service_account.json", b"[" * 16_000),
        ("gs", "service_account.json", b"hidden" * 10_000),
        ("gs", "service_account.json", b'{"client_email": "hidden"}'),
        ("gs", "service_account.json", b'{"type": "external_account", "hidden": 1}'),
    ],
)
def test_values_that_cannot_be_right(scheme: str, key: str, value: bytes) -> None:
    complete: dict[str, Data] = {
        "s3": secrets.S3,
        "gs": {},
        "az": secrets.AZURE,
        "https": {} if key == "token" else {"username": b"u", "password": b"p"},
    }
    told = refused({**complete[scheme], key: value}, scheme, secrets.HOSTS)
    assert key in told
    assert "hidd" not in told.lower()


@pytest.mark.parametrize("member", ["client_email", "private_key", "private_key_id"])
def test_a_google_key_is_complete(member: str) -> None:
    for value in (None, 7, "", "-----BEGIN CERTIFICATE-----\nhidden\n", "a\nb"):
        told = refused(secrets.gcs(**{member: value}), "gs")
        assert f"no usable {member}" in told
        assert "hidden" not in told


def test_s23_credentials_show_no_values() -> None:
    shown = repr(
        [
            read({**secrets.S3, "session_token": b"tok"}),
            read(secrets.gcs(), "gs"),
            read(secrets.AZURE, "az"),
            read(secrets.AZURE_SAS, "az"),
            read(secrets.HTTPS, "https", **secrets.HOSTS),
        ]
    )
    for value in ("AKID", "s3cr3t", "tok'", "PRIVATE", "c2Vj", "sig=", "t0ken"):
        assert value not in shown
