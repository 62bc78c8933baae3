"""The API server refuses every URI that the operator would, and says in one sentence what is wrong."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from gemini_operator.api import group
from gemini_operator.payload.objects import location
from gemini_operator.payload.objects.errors import InvalidUri
from local.kubectl import Kubectl, KubectlError
from tests.integration.api.jobs import Jobs, minimal

UID = "0b6ae7c2-3a4f-4e0e-9a3b-6f1d2c3b4a59"
LONGEST_NAMES = "n" * 63, "j" * 253, UID

SCHEME = "uri must begin with s3://, gs://, az:// or https://, in lower case"
SCHEME_OUT = "uri must begin with s3://, gs:// or az://, in lower case"
LETTERS = (
    "uri has a space, a control character or a letter beyond ASCII: give the object another name"
)
LETTERS_OUT = (
    "uri has a space, a control character or a letter beyond ASCII: write a path without them"
)
ESCAPE = "uri has a space, a control character or a letter beyond ASCII: escape it, as in %20, and write a host in its form with xn--"
AZURE = "uri has the address of a storage account: write az://container/path, and its name into the Secret"
OWN = "uri has the operator's own address or a link-local one as host: name the server"
USER = "uri has a user or password: put them into the Secret that credentialsSecretRef names"
QUERY = "uri has ? or #: leave out what follows, or give the object a name without them"
QUERY_OUT = "uri has ? or #: write a path without them"
FRAGMENT = "uri has #: leave out what follows it"
HOST = "uri has no valid host: write https://host/path, with a name or an IPv4 address as host"
PORT = "uri has a port other than 443, the only one that is read from: leave it out"
BUCKET = "uri has no valid bucket or container: a name has 3 to 222 lower-case letters, digits, ., - and _"
OBJECT = "uri names no object: add the object's path after the bucket"
PATH = "uri names no object: add its path after the host"
FOLDER = "uri ends with /, so it names a folder: name one object"
DOTS = "uri has . or .. between its slashes: write the path out"
EMPTY = "uri has // in its path: write one slash, or give the object another name"
EMPTY_OUT = "uri has // in its path: write one slash"
LONG = "uri has a path of more than 1024 characters: give the object a shorter name"
LONG_URL = "uri has more than 2048 characters: shorten it, or put credentials into a Secret"
LONG_OUT = "uri has a path of more than 663 characters: write a shorter one"

INPUTS = {
    "": SCHEME,
    "bucket/a": SCHEME,
    "S3://bucket/a": SCHEME,
    "http://example.com/a": SCHEME,
    "file:///etc/passwd": SCHEME,
    "s3:/bucket/a": SCHEME,
    "s3://bucket/ä": LETTERS,
    "s3://bücket/a": LETTERS,
    "gs://bucket/a b": LETTERS,
    "az://container/a\n": LETTERS,
    "s3://bucket/a\x7f": LETTERS,
    "s3://bucket/日本": LETTERS,
    "https://exämple.com/a": ESCAPE,
    "https://example.com/ä": ESCAPE,
    "https://example.com/a b": ESCAPE,
    "https://example.com/a?b=ä": ESCAPE,
    "s3://user:password@bucket/a": USER,
    "https://user@example.com/a": USER,
    "https://user:p@ss@example.com/a": USER,
    "s3://bucket/a?versionId=1": QUERY,
    "gs://bucket/a#b": QUERY,
    "https://example.com/a#b": FRAGMENT,
    "https:///a": HOST,
    "https://[::1]/a": HOST,
    "https://-example.com/a": HOST,
    "https://under_score/a": HOST,
    "https://example.com:8443/a": PORT,
    "https://example.com:/a": PORT,
    "s3://../a": BUCKET,
    "gs://b/a": BUCKET,
    "gs://Bucket/a": BUCKET,
    "az://" + "c" * 223 + "/a": BUCKET,
    "s3:///a": BUCKET,
    "az://account.blob.core.windows.net/container/a": AZURE,
    "az://account.dfs.core.windows.net/container/a": AZURE,
    "https://localhost/a": OWN,
    "https://127.0.0.1:443/a": OWN,
    "https://169.254.169.254/latest/meta-data": OWN,
    "s3://bucket": OBJECT,
    "s3://bucket/": OBJECT,
    "https://example.com": PATH,
    "https://example.com?a": PATH,
    "s3://bucket/a/": FOLDER,
    "s3://bucket/a//b": EMPTY,
    "s3://bucket//a": EMPTY,
    "s3://bucket/a//": EMPTY,
    "s3://bucket/../a": DOTS,
    "s3://bucket/a/./b": DOTS,
    "s3://bucket/a/..": DOTS,
    "https://example.com/../a": DOTS,
    "https://example.com/a/..?b": DOTS,
    "s3://bucket/" + "a" * 1025: LONG,
    "s3://bucket/" + "a/b" * 600: LONG,
    "s3://bucket/" + "a" * 5000: LONG,
    "https://example.com/" + "a" * 2029: LONG_URL,
    "https://example.com/?signature=" + "a" * 5000: LONG_URL,
}
OUTPUTS = {
    "": SCHEME_OUT,
    "bucket": SCHEME_OUT,
    "https://example.com/results": "results cannot be written to an https URL: use s3://, gs:// or az://",
    "s3://bucket/ergebnisse/für": LETTERS_OUT,
    "s3://bucket/a b": LETTERS_OUT,
    "s3://key:secret@bucket": USER,
    "az://container?sv=1": QUERY_OUT,
    "s3://bucket#a": QUERY_OUT,
    "s3://b": BUCKET,
    "az://account.blob.core.windows.net": AZURE,
    "s3://bucket//": EMPTY_OUT,
    "s3://bucket/a//": EMPTY_OUT,
    "s3://bucket/a//b": EMPTY_OUT,
    "s3://bucket/..": DOTS,
    "s3://bucket/./": DOTS,
    "s3://bucket/" + "a" * 664: LONG_OUT,
    "s3://bucket/" + "a" * 5000: LONG_OUT,
}
GOOD_INPUTS = (
    "s3://bucket/a",
    "s3://bucket/a%20b%2Fc",
    "gs://my.bucket_1/a..b/..c/d../...",
    "az://con/a",
    "az://" + "c" * 222 + "/a",
    r"s3://bucket/!$&'()*+,;=:@[]{}|\^`~<>-_.\"",
    "s3://bucket/" + "a" * 1024,
    "https://example.com/",
    "https://example.com:443/a//b/?c=d/../e",
    "https://EXAMPLE.com./a/?b@c",
    "https://10.0.0.1/a@b:c%C3%A4",
    "https://localhost.example.com/a",
    "https://127.example.com/a",
    "https://example.com/" + "a" * 2028,
)
GOOD_OUTPUTS = (
    "s3://bucket",
    "s3://bucket/",
    "gs://bucket/a/b/",
    "az://container/a..b/%2F",
    "s3://bucket/" + "a" * 663,
)


def reading(uri: str) -> Any:
    return minimal(input={"object": {"uri": uri}})


def writing(uri: str) -> Any:
    return minimal(output={"object": {"uri": uri}})


KINDS: dict[str, Callable[[str], Any]] = {"input": reading, "output": writing}
REFUSED = [("input", *each) for each in INPUTS.items()]
REFUSED += [("output", *each) for each in OUTPUTS.items()]
ACCEPTED = [("input", each) for each in GOOD_INPUTS] + [("output", each) for each in GOOD_OUTPUTS]


def shortened(value: object) -> str:
    return repr(value)[1:41]


@pytest.mark.parametrize(("kind", "uri", "message"), REFUSED, ids=shortened)
def test_s03_one_sentence_says_what_is_wrong_with_a_uri(
    kubectl: Kubectl, namespace: str, kind: str, uri: str, message: str
) -> None:
    said = applied(kubectl, namespace, KINDS[kind](uri))

    assert said.count("spec.") == 1, said
    # Without the value, which may have a password.
    assert f"spec.{kind}.object.uri: Invalid value: {message}" in said


@pytest.mark.parametrize(("kind", "uri"), ACCEPTED, ids=shortened)
def test_s03_a_uri_that_may_work_is_accepted(jobs: Jobs, kind: str, uri: str) -> None:
    assert jobs.accepted(KINDS[kind](uri))[kind]["object"]["uri"] == uri
    parsed(kind, uri)


@pytest.mark.parametrize(("kind", "uri", "_message"), REFUSED, ids=shortened)
def test_s03_the_operator_refuses_it_too(kind: str, uri: str, _message: str) -> None:
    with pytest.raises(InvalidUri):
        parsed(kind, uri)


def test_a_uri_of_any_length_is_refused(jobs: Jobs) -> None:
    refusal = jobs.refusal(reading("https://example.com/" + "a" * 10_000))
    assert "spec.input.object.uri: Too long: may not be more than 8192" in refusal


def parsed(kind: str, uri: str) -> None:
    if kind == "input":
        location.parse(uri)
    else:
        location.result_location(uri, *LONGEST_NAMES)


def applied(kubectl: Kubectl, namespace: str, spec: Any) -> str:
    """What `kubectl apply` says of a job that is refused."""
    manifest = {"apiVersion": group.API_VERSION, "kind": group.KIND, "spec": spec}
    manifest["metadata"] = {"name": "job"}
    with pytest.raises(KubectlError) as refused:
        kubectl("apply", "--dry-run=server", "-n", namespace, "-f", "-", stdin=json.dumps(manifest))
    return str(refused.value)
