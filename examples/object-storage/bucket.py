"""Put a file into a bucket, and show the results of a job that wrote them to one.

    python bucket.py put FILE s3://bucket/path
    kubectl get gbj NAME -o json | python bucket.py show

The bucket's service and the access key are those of AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID,
AWS_SECRET_ACCESS_KEY and AWS_REGION. It needs obstore, which the operator uses too.
"""

import hashlib
import json
import os
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import obstore
from obstore.store import S3Store

SHOWN = 3


def opened(uri: str) -> tuple[S3Store, str]:
    """A client of the bucket, and the object's path in it."""
    bucket, _, path = uri.removeprefix("s3://").partition("/")
    insecure = os.environ.get("AWS_ENDPOINT_URL", "").startswith("http://")
    return S3Store(bucket, client_options={"allow_http": insecure}), path


def put(file: Path, uri: str) -> None:
    """Upload the file, in parts if it is large."""
    store, path = opened(uri)
    obstore.put(store, path, file)
    print(f"{uri}: {file.stat().st_size} bytes")


def show(status: dict[str, Any]) -> int:
    """Print how often each answer was given; return 1 if the object is not what the job wrote."""
    output = status["output"]
    store, path = opened(output["uri"])
    digest, size, answers = hashlib.sha256(), 0, Counter[str]()
    first: list[str] = []
    for line in lines(store, path):
        digest.update(line)
        size += len(line)
        result = json.loads(line)
        answer = answer_of(result)
        answers[answer] += 1
        if len(first) < SHOWN:
            first.append(f"{result['key']}\t{answer}")
    print(output["uri"], *first, "…", sep="\n")
    for answer, count in answers.most_common():
        print(f"{count:>7}  {answer}")
    found = {"bytes": size, "records": answers.total(), "sha256": digest.hexdigest()}
    different = {name: value for name, value in found.items() if output[name] != value}
    for name, value in different.items():
        print(f"{name} is {value}, but status.output says {output[name]}", file=sys.stderr)
    if not different:
        print(f"{found['records']} results, {size} bytes, SHA-256 {found['sha256']}: as in status")
    return 1 if different else 0


def lines(store: S3Store, path: str) -> Iterator[bytes]:
    """Read an object line by line: it may be larger than the memory."""
    rest = b""
    for chunk in obstore.get(store, path).stream():
        *whole, rest = (rest + bytes(chunk)).split(b"\n")
        for line in whole:
            yield line + b"\n"
    if rest:
        yield rest


def answer_of(result: dict[str, Any]) -> str:
    """The answer in one result, or that there is none."""
    try:
        return str(result["response"]["candidates"][0]["content"]["parts"][0]["text"]).strip()
    except (KeyError, IndexError, TypeError):
        return "(no answer)"


def main(arguments: list[str]) -> int:
    """Return the exit status."""
    match arguments:
        case ["put", file, uri]:
            put(Path(file), uri)
            return 0
        case ["show"]:
            return show(json.load(sys.stdin)["status"])
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
