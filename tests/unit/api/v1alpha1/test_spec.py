import pytest
from pydantic import ValidationError

from gemini_operator.api.v1alpha1.spec import IMMUTABLE, Spec

STORED = {
    "model": "gemini-2.5-flash",
    "type": "EmbedContent",
    "input": {"inline": [{"key": "a", "request": {"content": {"parts": [{"text": "x"}]}}}]},
    "output": {
        "object": {"uri": "s3://bucket/results", "credentialsSecretRef": {"name": "storage"}}
    },
    "apiKeySecretRef": {"name": "gemini-api-key", "key": "api-key"},
    "displayName": "Nightly",
    "userMetadata": {"team": "support"},
    "priority": -3,
    "suspend": True,
    "shutdown": "Cancel",
    "activeDeadlineSeconds": 3600,
    "backoffLimit": 2,
    "ttlSecondsAfterFinished": 0,
    "deletionPolicy": "Orphan",
}


def test_every_member_is_read_and_written_under_its_json_name() -> None:
    adopted = {
        "adopt": {"batchName": "batches/a", "previousUID": f"{'0' * 8}{'-0000' * 3}-{'0' * 12}"}
    }
    spec = Spec.model_validate({**STORED, **adopted})

    assert spec.model_dump(mode="json", by_alias=True, exclude_unset=True) == {**STORED, **adopted}
    assert set(STORED) | set(adopted) == {field.alias for field in Spec.model_fields.values()}


def test_absent_members_have_the_defaults_of_the_schema() -> None:
    spec = Spec(model="gemini-2.5-flash")

    assert (spec.type, spec.priority, spec.suspend, spec.backoff_limit) == (
        "GenerateContent",
        0,
        False,
        0,
    )
    assert spec.input is None
    assert spec.output is None
    assert spec.api_key_secret_ref is None
    assert spec.deletion_policy is None


def test_a_projection_without_its_input_can_be_read() -> None:
    """What the controller keeps in memory of a job leaves the input out."""
    without = {name: value for name, value in STORED.items() if name != "input"}

    assert Spec.model_validate(without).input is None


def test_inline_requests_keep_their_order_and_contents() -> None:
    items = [{"key": key, "request": {"deep": [None, {"x": key}]}} for key in "cab"]
    spec = Spec.model_validate({**STORED, "input": {"inline": items}})

    assert spec.input is not None
    assert spec.input.inline is not None
    assert [(item.key, item.request) for item in spec.input.inline] == [
        (item["key"], item["request"]) for item in items
    ]


@pytest.mark.parametrize(
    "fault",
    [
        {"model": "models/../files/x"},
        {"apiKeySecretRef": {"name": "../other", "key": "a"}},
        {"apiKeySecretRef": {"name": "a", "key": ".."}},
        {"input": {"configMapKeyRef": {"name": "a/b", "key": "a"}}},
        {"input": {"fileName": "files/../a"}},
        {"output": {"configMap": {"name": ".."}}},
        {"adopt": {"batchName": "batches/../files/a"}},
        {"adopt": {"batchName": "batches/a", "previousUID": "not-a-uid"}},
        {"backoffLimit": -1},
        {"activeDeadlineSeconds": 0},
        {"ttlSecondsAfterFinished": -1},
        {"deletionPolicy": "Keep"},
    ],
    ids=str,
)
def test_s03_names_and_bounds_are_checked_again_when_a_job_is_read(
    fault: dict[str, object],
) -> None:
    with pytest.raises(ValidationError):
        Spec.model_validate({**STORED, **fault})


def test_a_member_is_described_as_immutable_exactly_when_it_is() -> None:
    described = {
        field.alias
        for field in Spec.model_fields.values()
        if "Immutable" in (field.description or "")
    }

    assert described == set(IMMUTABLE)
