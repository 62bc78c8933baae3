"""`python -m benchmarks.payload`: inputs and results of gigabytes pass through the controller.

Object store, emulator, API server and controller are real processes on this machine, so only the
ratios compare between machines. An upload is compared with `curl`, which sends the same file to the
same emulator. A delivery is compared with `curl` and obstore, one after the other: the first reads
the same results, the second writes them.
"""

import json
import shutil
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
import obstore
import psutil
from obstore.store import S3Store

from benchmarks.surroundings import Row, json_option, quantiles, save, show, surroundings
from tests.emulator_process import API_KEY, EmulatorProcess
from tests.object_servers import ACCESS_KEY, BUCKET, SECRET_KEY, S3Server
from tests.operator_process import Operator, generate, inline_job, job
from tests.stored_jobs import object_at, put_secret, storage_flags
from tests.waiting import eventually

NAMESPACE = "payload"
LINE = 2000
"""Bytes of a line, about."""
MIB = 2**20
INLINE = 200
"""Requests whose results are in Google's answer, at most a MiB each."""
PATIENCE = 1800.0
PROBES = 0.02
"""Seconds between two looks at the event loop of the controller."""


@dataclass
class Load:
    """What the controller needed during a transfer."""

    rss: list[float] = field(default_factory=list)
    answers: list[float] = field(default_factory=list)
    """Seconds until /healthz answered: how long its event loop was busy, at least."""
    receiver_answers: list[float] = field(default_factory=list)
    """The same of the receiver, which has nothing to do: how long this machine kept it waiting."""


@contextmanager
def watched(operator: Operator) -> Iterator[Load]:
    """Look at memory and event loop of the controller, and at the receiver's, many times a second."""
    load, over = Load(), threading.Event()
    process = psutil.Process(operator.controller.pid)

    def look(url: str, answers: list[float]) -> None:
        while not over.wait(PROBES):
            begun = time.monotonic()
            try:
                with urllib.request.urlopen(url, timeout=60) as answer:
                    answer.read()
            except urllib.error.HTTPError as error:
                # The receiver's 405: it takes callbacks only.
                error.close()
            answers.append(time.monotonic() - begun)
            load.rss.append(process.memory_info().rss / MIB)

    looks = (
        (f"{operator.controller.url}/healthz", load.answers),
        (operator.receiver.url, load.receiver_answers),
    )
    threads = [threading.Thread(target=look, args=args) for args in looks]
    for thread in threads:
        thread.start()
    try:
        yield load
    finally:
        over.set()
        for thread in threads:
            thread.join()


@dataclass
class Scene:
    """All processes, and the sizes."""

    s3: S3Server
    emulator: EmulatorProcess
    operator: Operator
    directory: Path
    megabytes: int

    @property
    def size(self) -> int:
        return self.megabytes * MIB

    def stored(self, name: str) -> Path:
        return self.s3.data / BUCKET / name


def write_lines(path: Path, size: int, content: Callable[[int, str], dict[str, Any]]) -> int:
    """Write JSON Lines of `size` bytes, about; returns how many."""
    filling, written, count = "word " * (LINE // 5), 0, 0
    with path.open("wb") as file:
        while written < size:
            written += file.write(json.dumps(content(count, filling)).encode() + b"\n")
            count += 1
    return count


def request(number: int, text: str) -> dict[str, Any]:
    return {"key": f"request-{number}", "request": generate(text)}


def response(number: int, text: str) -> dict[str, Any]:
    parts = [{"text": text}]
    return {
        "key": f"request-{number}",
        "response": {"candidates": [{"content": {"parts": parts}, "finishReason": "STOP"}]},
    }


def figures(megabytes: int, seconds: float, bare: float, load: Load, idle: float) -> Row:
    return {
        "MiB/s": megabytes / seconds,
        "of a bare copy": bare / seconds,
        "RSS + MiB": max(load.rss) - idle,
        **{f"loop {name} ms": 1000 * value for name, value in quantiles(load.answers).items()},
        "receiver's worst ms": 1000 * max(load.receiver_answers),
    }


def idle_rss(operator: Operator) -> float:
    return float(psutil.Process(operator.controller.pid).memory_info().rss / MIB)


def upload(scene: Scene) -> Row:
    """From the object store into the File API, checked on the way."""
    source = scene.stored("in.jsonl")
    count = write_lines(source, scene.size, request)
    curl = curl_upload(scene, source)
    idle = idle_rss(scene.operator)
    with watched(scene.operator) as load:
        begun = time.monotonic()
        scene.operator.apply(job("big-input", object_at("in.jsonl")))
        eventually(
            lambda: scene.operator.status("big-input").get("inputFile", {}).get("sha256"),
            timeout=PATIENCE,
            interval=0.05,
            what="the upload",
        )
        seconds = time.monotonic() - begun
    assert scene.operator.status("big-input")["inputFile"]["records"] == count
    scene.operator.kubectl("delete", "gbj", "big-input")
    source.unlink()
    return figures(scene.megabytes, seconds, curl, load, idle)


def curl_upload(scene: Scene, source: Path) -> float:
    """Seconds that curl takes for the same file, after the request that starts the upload."""
    start = urllib.request.Request(
        f"{scene.emulator.url}/upload/v1beta/files",
        data=b'{"file": {}}',
        headers={
            "x-goog-api-key": API_KEY,
            "Content-Type": "application/json",
            "X-Goog-Upload-Protocol": "resumable",
            "X-Goog-Upload-Command": "start",
        },
    )
    with urllib.request.urlopen(start) as answer:
        target = answer.headers["x-goog-upload-url"]
    begun = time.monotonic()
    subprocess.run(
        [
            *("curl", "--silent", "--show-error", "--fail", "--output", str(Path("/dev/null"))),
            *("--header", "X-Goog-Upload-Command: upload, finalize"),
            *("--header", "X-Goog-Upload-Offset: 0", "--header", "Expect:"),
            *("--request", "POST", "--upload-file", str(source), target),
        ],
        check=True,
    )
    seconds = time.monotonic() - begun
    scene.emulator.reset()
    return seconds


def delivery(scene: Scene) -> Row:
    """From Google's results file into the object store, counted on the way."""
    small = scene.stored("small.jsonl")
    write_lines(small, 10, request)
    results = ended(scene, job("big-results", object_at("small.jsonl"), output=object_at("out")))
    count = write_lines(results, scene.size, response)
    bare = curl_download(scene, batch_of(scene, "big-results")) + bare_write(scene, results)
    row, output = delivered(scene, "big-results", bare, scene.megabytes)
    assert (output["records"], output["bytes"]) == (count, results.stat().st_size)
    return row


def inline_delivery(scene: Scene) -> Row:
    """From Google's answer into the object store. The answer holds the results twice."""
    size = inline_size(scene.megabytes)
    texts = {f"request-{number}": "Say it at length." for number in range(INLINE)}
    results = ended(scene, inline_job("inline", texts, output=object_at("inline-out")))
    filling = "word " * (size * MIB // INLINE // 5)
    lines = (json.dumps(inline_response(key, filling)) for key in texts)
    results.write_text("".join(f"{line}\n" for line in lines))
    bare = curl(scene, batch_of(scene, "inline")) + bare_write(scene, results)
    row, output = delivered(scene, "inline", bare, size)
    assert output["records"] == INLINE
    return row


def inline_size(megabytes: int) -> int:
    return min(megabytes, INLINE)


def inline_response(key: str, text: str) -> dict[str, Any]:
    return {"metadata": {"key": key}, "response": response(0, text)["response"]}


def ended(scene: Scene, ending: dict[str, Any]) -> Path:
    """Let a job's batch succeed while no controller runs; return the file with its results."""
    name = ending["metadata"]["name"]
    scene.operator.apply(ending)
    scene.operator.wait_condition(name, "Submitted")
    scene.operator.controller.stop()
    batch = batch_of(scene, name)
    scene.emulator.job(batch, "succeed")
    [results] = scene.directory.glob(f"emulator/**/{batch.rpartition('/')[2]}/results.jsonl")
    return results


def batch_of(scene: Scene, name: str) -> str:
    return str(scene.operator.status(name)["batchName"])


def delivered(scene: Scene, name: str, bare: float, megabytes: int) -> tuple[Row, dict[str, Any]]:
    """Start a controller, and wait until it has delivered; return the figures and the output.

    Args:
        scene: the processes.
        name: of the job.
        bare: seconds of the same copies without the controller.
        megabytes: size of the results.
    """
    operator = scene.operator
    start_controller(scene)
    eventually(operator.controller.ready, timeout=60, what="the controller")
    idle = idle_rss(operator)
    with watched(operator) as load:
        begun = time.monotonic()
        output = eventually(
            lambda: operator.status(name).get("output"),
            timeout=PATIENCE,
            interval=0.05,
            what="the delivery",
        )
        seconds = time.monotonic() - begun
    return figures(megabytes, seconds, bare, load, idle), output


def bare_write(scene: Scene, results: Path) -> float:
    """Seconds that obstore takes to write the results."""
    store = S3Store(
        BUCKET,
        endpoint=scene.s3.url,
        access_key_id=ACCESS_KEY,
        secret_access_key=SECRET_KEY,
        region="us-east-1",
        client_options={"allow_http": True},
    )
    begun = time.monotonic()
    obstore.put(store, "bare.jsonl", results, max_concurrency=1)
    seconds = time.monotonic() - begun
    scene.stored("bare.jsonl").unlink()
    return seconds


def curl_download(scene: Scene, batch: str) -> float:
    return curl(scene, f"files/batch-{batch.rpartition('/')[2]}:download?alt=media")


def curl(scene: Scene, path: str) -> float:
    """Seconds that curl takes to read from Google."""
    begun = time.monotonic()
    subprocess.run(
        [
            *("curl", "--silent", "--show-error", "--fail", "--output", str(Path("/dev/null"))),
            *("--header", f"x-goog-api-key: {API_KEY}"),
            f"{scene.emulator.url}/v1beta/{path}",
        ],
        check=True,
    )
    return time.monotonic() - begun


def beside(scene: Scene, jobs: int) -> Row:
    """Small jobs from their creation to their batch, while an upload is under way, and without."""
    source = scene.stored("beside.jsonl")
    write_lines(source, scene.size, request)
    alone = [submitted(scene.operator, f"alone-{number}") for number in range(jobs)]
    scene.operator.apply(job("beside", object_at("beside.jsonl")))
    eventually(
        lambda: scene.operator.status("beside").get("state") == "Uploading",
        timeout=60,
        interval=0.01,
        what="the upload to begin",
    )
    during: list[float] = []
    while len(during) < jobs and scene.operator.status("beside").get("state") == "Uploading":
        during.append(submitted(scene.operator, f"beside-{len(during)}"))
    scene.operator.kubectl("delete", "gbj", "beside")
    source.unlink()
    return {
        "jobs": len(during),
        "median ms": 1000 * quantiles(during)["median"],
        "alone ms": 1000 * quantiles(alone)["median"],
    }


def submitted(operator: Operator, name: str) -> float:
    """Seconds until a small job has its batch."""
    path, begun = operator.path(), time.monotonic()
    operator.control_plane.api.request("POST", path, inline_job(name))
    eventually(
        lambda: operator.status(name).get("batchName"), timeout=60, interval=0.005, what=name
    )
    return time.monotonic() - begun


def start_controller(scene: Scene) -> None:
    scene.operator.start_controller(*storage_flags(scene.s3))


@click.command()
@click.option("--megabytes", default=2047, show_default=True, help="Size of input and results.")
@json_option
def main(megabytes: int, file: Path | None) -> None:
    """Measure what a large input and large results cost."""
    if shutil.which("curl") is None:
        raise click.UsageError("curl is not installed")
    with (
        tempfile.TemporaryDirectory() as directory,
        S3Server(Path(directory) / "s3") as s3,
        surroundings(Path(directory), NAMESPACE) as around,
    ):
        scene = Scene(s3, around.emulator, around.operator, Path(directory), megabytes)
        put_secret(around.operator)
        around.operator.put_key(API_KEY)
        around.operator.start_receiver()
        start_controller(scene)
        measured: dict[str, Row] = {}
        for what, size, measure in (
            ("upload", megabytes, upload),
            ("delivery", megabytes, delivery),
            ("inline delivery", inline_size(megabytes), inline_delivery),
            ("jobs beside an upload", megabytes, lambda scene: beside(scene, 20)),
        ):
            measured[f"{what}, {size} MiB"] = row = measure(scene)
            show(f"{what}, {size} MiB", row)
        save(measured, file)


if __name__ == "__main__":
    main()
