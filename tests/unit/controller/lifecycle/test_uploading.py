import pytest

from gemini_operator.controller.lifecycle import uploading
from tests.unit.controller.builders import UID, a_job

FROM_OBJECT = {"input": {"object": {"uri": "s3://bucket/in.jsonl"}}}
NAME = f"files/{UID.replace('-', '')}"


@pytest.mark.parametrize(
    ("newest", "others"),
    [
        (f"{NAME}-1", ()),
        (f"{NAME}-2", (f"{NAME}-1",)),
        (f"{NAME}-9", (f"{NAME}-7", f"{NAME}-8")),
        (f"{NAME}-9999999999", (f"{NAME}-9999999997", f"{NAME}-9999999998")),
        ("files/something-else", ()),
    ],
)
def test_p10_a_deletion_looks_for_earlier_files_too(newest: str, others: tuple[str, ...]) -> None:
    job = a_job(spec=FROM_OBJECT, status={"inputFile": {"fileName": newest}})
    assert uploading.names(job) == (newest, *others)


def test_a_job_without_an_upload_has_no_file() -> None:
    assert uploading.names(a_job(spec=FROM_OBJECT)) == ()
    assert uploading.names(a_job(status={"inputFile": {"fileName": f"{NAME}-1"}})) == ()
