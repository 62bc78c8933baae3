"""Jobs whose requests and results are in object storage: what they read and what must come of them."""

import hashlib
import json
from pathlib import Path
from typing import Any

import obstore
from obstore.store import S3Store

from tests.object_servers import ACCESS_KEY, BUCKET, SECRET_KEY, S3Server
from tests.operator_process import Operator, generate

SECRET = "storage"
MIB = 2**20


def storage_flags(s3: S3Server, **buckets: str) -> tuple[str, ...]:
    """Flags of a controller that uses the S3 server, or another address for single buckets."""
    addresses = {"s3": s3.url} | {f"s3://{name}": url for name, url in buckets.items()}
    endpoints = (f"--object-store-endpoint={name}={url}" for name, url in addresses.items())
    return *endpoints, "--allow-insecure-object-store"


def put_secret(operator: Operator, name: str = SECRET, **data: str) -> None:
    """Create or replace the Secret with the credentials of the S3 server."""
    keys = {"access_key_id": ACCESS_KEY, "secret_access_key": SECRET_KEY, **data}
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}}
    operator.apply({**secret, "stringData": keys})


def object_at(path: str, secret: str = SECRET, bucket: str = BUCKET) -> dict[str, Any]:
    """An object of a bucket, as `spec.input` or `spec.output`."""
    where = {"uri": f"s3://{bucket}/{path}", "credentialsSecretRef": {"name": secret}}
    return {"object": where}


def put_object(s3: S3Server, path: str, content: bytes) -> None:
    """Through the server, which remembers an ETag of what it was given."""
    store = S3Store(
        BUCKET,
        endpoint=s3.url,
        access_key_id=ACCESS_KEY,
        secret_access_key=SECRET_KEY,
        region="us-east-1",
        client_options={"allow_http": True},
    )
    obstore.put(store, path, content, use_multipart=False)


def requests(count: int, *, sent: int = MIB, answered: int = MIB, word: str = "x") -> bytes:
    """JSON Lines: so many requests of so many bytes, with answers of so many."""
    return b"".join(
        json.dumps({"key": f"k{n}", "request": _request(n, word * sent, answered)}).encode() + b"\n"
        for n in range(count)
    )


def _request(number: int, padding: str, answered: int) -> dict[str, Any]:
    schema = {"type": "STRING", "minLength": answered}
    config = {"responseMimeType": "application/json", "responseSchema": schema}
    more = {"systemInstruction": {"parts": [{"text": padding}]}, "generationConfig": config}
    return {**generate(f"Say {number}."), **more}


def files_of(operator: Operator, name: str) -> list[str]:
    """The names of the files at Google that were uploaded for the job."""
    start = f"{operator.namespace}/{name} ["
    files = operator.emulator.state()["files"]
    return [file["name"] for file in files if file.get("displayName", "").startswith(start)]


def outputs_of(operator: Operator, s3: S3Server, name: str, bucket: str = BUCKET) -> list[Path]:
    """Every object below `out/` that belongs to the job."""
    folder = s3.data / bucket / "out" / operator.namespace / name
    return [path for path in folder.rglob("*") if path.is_file()]


def check_input(operator: Operator, name: str, content: bytes) -> None:
    """Assert that the job's only file at Google is the one in its status, and is `content`."""
    file, digest = operator.status(name)["inputFile"], hashlib.sha256(content).hexdigest()
    assert (file["sha256"], file["bytes"]) == (digest, len(content)), f"status {file}"
    assert file["records"] == content.count(b"\n"), f"status {file}"
    assert files_of(operator, name) == [file["fileName"]], f"status {file}"
    assert operator.emulator.sha256_of(file["fileName"]) == digest


def check_output(
    operator: Operator, s3: S3Server, name: str, count: int, bucket: str = BUCKET
) -> None:
    """Assert that the job's only object has all results, and that the status describes it."""
    status = operator.status(name)
    [found] = outputs_of(operator, s3, name, bucket)
    content, output = found.read_bytes(), status["output"]
    assert output["uri"].endswith(f"/{found.name}"), f"{found} and status {status}"
    digest = hashlib.sha256(content).hexdigest()
    assert (output["bytes"], output["sha256"]) == (len(content), digest), f"status {status}"
    keys = [json.loads(line)["key"] for line in content.splitlines()]
    assert keys == [f"k{n}" for n in range(count)], f"results of {keys}"
    assert output["records"] == count, f"status {status}"
    assert status["requests"]["succeeded"] == count, f"status {status}"
