import ipaddress

import click
import pytest
from click.testing import CliRunner

from gemini_operator.base.flags import CONTEXT, build, options
from gemini_operator.payload.objects.location import BucketLocation
from gemini_operator.payload.objects.settings import ObjectStoreSettings


def parsed(*args: str, env: dict[str, str] | None = None) -> ObjectStoreSettings:
    found: list[ObjectStoreSettings] = []

    @click.command(context_settings=CONTEXT, params=options(ObjectStoreSettings))
    def command(**given: object) -> None:
        found.append(build(ObjectStoreSettings, given))

    result = CliRunner().invoke(command, args, env=env)
    if result.exit_code:
        raise ValueError(result.output)
    return found[0]


def test_without_flags_nothing_is_configured() -> None:
    assert parsed() == ObjectStoreSettings()
    assert not ObjectStoreSettings().endpoints
    assert not ObjectStoreSettings().ambient


def test_the_more_exact_endpoint_wins() -> None:
    settings = parsed(
        *("--object-store-endpoint", "s3=https://one.example.com/"),
        *(
            "--object-store-endpoint",
            "s3://special=https://two.example.com,az=https://az.example.com",
        ),
    )
    assert settings.endpoint(BucketLocation("s3", "other", "")) == "https://one.example.com"
    assert settings.endpoint(BucketLocation("s3", "special", "")) == "https://two.example.com"
    assert settings.endpoint(BucketLocation("az", "special", "")) == "https://az.example.com"
    assert settings.endpoint(BucketLocation("gs", "special", "")) is None


def test_repeated_flags_have_variables_too() -> None:
    name = "GEMINI_OPERATOR_OBJECT_STORE_ENDPOINT"
    settings = parsed(env={name: "s3=https://one.example.com gs=https://two.example.com"})
    assert settings.endpoints == (
        ("s3", "https://one.example.com"),
        ("gs", "https://two.example.com"),
    )


def test_s02_the_operators_identity_is_for_namespaces_and_prefixes() -> None:
    settings = parsed(
        *("--ambient-object-store", "team-a=s3://bucket/team-a"),
        *("--ambient-object-store", "team-a=gs://other,team-b=s3://bucket/team-b/"),
    )
    below = BucketLocation("s3", "bucket", "team-a/x")
    assert settings.allows_ambient("team-a", below)
    assert settings.allows_ambient("team-a", BucketLocation("gs", "other", "x"))
    assert not settings.allows_ambient("team-b", below)
    assert not settings.allows_ambient("team-c", below)
    assert not settings.allows_ambient("team-a", BucketLocation("s3", "bucket", "team-ab/x"))


def test_s09_addresses_of_https_inputs() -> None:
    settings = parsed(
        *("--https-input-deny", "93.184.0.0/16,2a00::/16"), *("--https-input-allow", "10.1.0.0/16")
    )
    allows = settings.addresses.allows
    assert allows(ipaddress.ip_address("10.1.2.3"))
    assert not allows(ipaddress.ip_address("10.2.2.3"))
    assert not allows(ipaddress.ip_address("93.184.216.34"))
    assert not allows(ipaddress.ip_address("2a00::1"))


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("--object-store-endpoint", "s3=http://one.example.com"), "plain http"),
        (("--object-store-endpoint", "s3"), "must be like https"),
        (("--object-store-endpoint", "s3=ftp://one.example.com"), "must be like https"),
        (("--object-store-endpoint", "s3=https://a b"), "must be like https"),
        (("--object-store-endpoint", "s3=https://host:port"), "must be like https"),
        (("--object-store-endpoint", "s3=https://user@host"), "no user"),
        (("--object-store-endpoint", "s3=https://host?a"), "no user, query"),
        (("--object-store-endpoint", "ftp=https://host"), "must be s3, gs, az"),
        (("--object-store-endpoint", "s3://bucket/path=https://host"), "must be s3, gs, az"),
        (("--object-store-endpoint", "s3=https://a,s3=https://b"), "given twice"),
        (("--ambient-object-store", "true"), "must be like team-a=s3"),
        (("--ambient-object-store", "*=s3://bucket"), "must be like team-a=s3"),
        (("--ambient-object-store", "team-a="), "is no URI"),
        (("--ambient-object-store", "team-a=https://host/a"), "is no URI"),
        (("--ambient-object-store", "team-a=s3://bucket/a/../b"), "write the path out"),
        (("--https-input-deny", "10.0.0.1/8"), "no bit after the mask"),
        (("--https-input-deny", "cluster"), "must be like 10.96.0.0/12"),
        (("--https-input-allow", "0.0.0.0/0"), "must be in one of"),
        (("--https-input-allow", "127.0.0.0/8"), "must be in one of"),
        (("--https-input-allow", "169.254.169.254/32"), "must be in one of"),
        (("--https-input-allow", "::/0"), "must be in one of"),
        (("--https-input-allow", "::ffff:10.0.0.0/104"), "must be in one of"),
    ],
)
def test_values_that_cannot_work(args: tuple[str, str], message: str) -> None:
    with pytest.raises(ValueError, match="Error") as caught:
        parsed(*args)
    # click breaks no line of an error.
    line = str(caught.value).strip().splitlines()[-1]
    assert line.startswith(f"Error: {args[0]}")
    assert message in line


def test_plain_http_can_be_allowed() -> None:
    args = ("--object-store-endpoint", "s3=http://127.0.0.1:9000")
    settings = parsed(*args, "--allow-insecure-object-store")
    assert settings.endpoints == (("s3", "http://127.0.0.1:9000"),)
