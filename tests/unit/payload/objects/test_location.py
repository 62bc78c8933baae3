import pytest

from gemini_operator.payload.objects.errors import InvalidReference
from gemini_operator.payload.objects.location import (
    BucketLocation,
    HttpsLocation,
    display,
    parse,
    parse_prefix,
    result_location,
)

UID = "0b6ae7c2-3a4f-4e0e-9a3b-6f1d2c3b4a59"


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("s3://bucket/a/b.jsonl", BucketLocation("s3", "bucket", "a/b.jsonl")),
        ("gs://my.bucket_1/a%2Fb", BucketLocation("gs", "my.bucket_1", "a%2Fb")),
        ("az://container/..a/b..", BucketLocation("az", "container", "..a/b..")),
        ("https://Example.com/a", HttpsLocation("example.com", "/a")),
        ("https://example.com.:443/a?b=c/../d", HttpsLocation("example.com", "/a?b=c/../d")),
        ("https://example.com/", HttpsLocation("example.com", "/")),
    ],
)
def test_the_parts_of_a_uri(uri: str, expected: object) -> None:
    assert parse(uri) == expected


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "s3://bucket",
        "s3://bucket/",
        "s3://bucket/a/",
        "s3://bucket/a//b",
        "s3://bucket//a",
        "s3://bucket/../other/a",
        "s3://bucket/a/..",
        "s3://bucket/./a",
        "s3://bucket/a?versionId=1",
        "s3://bucket/a#b",
        "s3://bucket/a b",
        "s3://bucket/a\n",
        "s3://bucket/ä",
        "s3://user:password@bucket/a",
        "s3://BUCKET/a",
        "file:///etc/passwd",
        "http://example.com/a",
        "https://example.com",
        "https://user@example.com/a",
        "https://example.com:8443/a",
        "https://example.com/a/../b",
        "https://example.com/..?a",
        "https://[::1]/a",
        "s3://bucket/" + "a" * 1025,
        "s3://bucket/" + "a" * 4000,
    ],
)
def test_s03_what_is_no_uri_of_an_object(uri: str) -> None:
    with pytest.raises(InvalidReference):
        parse(uri)


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("https://user:pass@host/a?token=b#c", "https://host/a"),
        ("https://user:p@ss@host/a?token=b", "https://host/a"),
        ("s3://key:secret@bucket/a", "s3://bucket/a"),
        ("az://container/a?sv=1&sig=secret", "az://container/a"),
        ("anything", "the URI"),
    ],
)
def test_s09_what_people_see_of_a_uri(uri: str, shown: str) -> None:
    assert display(uri) == shown


def test_s09_a_location_is_shown_without_its_query() -> None:
    location = parse("https://example.com/a?sig=secret")
    assert str(location) == "https://example.com/a"
    assert "secret" not in repr(location)


def test_s09_a_refusal_shows_no_query() -> None:
    with pytest.raises(InvalidReference) as caught:
        parse("s3://bucket/a?sig=secret")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("uri", "key"),
    [
        ("s3://bucket", f"team-a/job.1/{UID}.jsonl"),
        ("s3://bucket/", f"team-a/job.1/{UID}.jsonl"),
        ("s3://bucket/x/y/", f"x/y/team-a/job.1/{UID}.jsonl"),
    ],
)
def test_where_results_are_written(uri: str, key: str) -> None:
    location = result_location(uri, "team-a", "job.1", UID)
    assert location == BucketLocation("s3", "bucket", key)


@pytest.mark.parametrize(
    "parts",
    [
        ("..", "job", UID),
        ("a/b", "job", UID),
        ("team-a", "../x", UID),
        ("team-a", "a..b", UID),
        ("team-a", "", UID),
        ("team-a", "job", "../x"),
        ("team-a", "job", ""),
    ],
)
def test_s03_results_stay_below_the_prefix(parts: tuple[str, str, str]) -> None:
    with pytest.raises(InvalidReference):
        result_location("s3://bucket/x", *parts)


@pytest.mark.parametrize(
    ("prefix", "uri", "covered"),
    [
        ("s3://bucket/team", "s3://bucket/team/a", True),
        ("s3://bucket/team/", "s3://bucket/team/a", True),
        ("s3://bucket/team", "s3://bucket/team", True),
        ("s3://bucket", "s3://bucket/a", True),
        ("s3://bucket/team", "s3://bucket/team-b/a", False),
        ("s3://bucket/team", "s3://bucket/Team/a", False),
        ("s3://bucket/team/a", "s3://bucket/team", False),
        ("s3://bucket/team", "s3://bucket2/team/a", False),
        ("s3://bucket/team", "gs://bucket/team/a", False),
        ("s3://bucket/a%2Fb", "s3://bucket/a/b/c", False),
    ],
)
def test_s02_prefixes_are_compared_by_whole_segments(prefix: str, uri: str, covered: bool) -> None:
    assert parse_prefix(prefix).covers(parse_prefix(uri)) is covered
