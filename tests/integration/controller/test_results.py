"""What Google sends as results, and what a user gets: in the input's order, counted, and said."""

import json
from typing import Any

import pytest

from local.api import ApiError
from tests.integration.controller.conftest import NEVER, upload
from tests.operator_process import Operator, generate, inline_job, job
from tests.waiting import eventually

SCHEDULE = NEVER

TEXTS = {"a": "Say a.", "b": "Say b.", "c": "Say c."}
JSON = dict[str, Any]


def answer(
    shared: Operator, name: str, items: object, state: str = "SUCCEEDED", **more: Any
) -> None:
    """Let Google answer so when the job's batch is read, and have it read."""
    batch = shared.status(name)["batchName"]
    [known] = shared.batches_of(name)
    metadata = {
        "displayName": known["displayName"],
        "model": "models/gemini-2.5-flash",
        "state": f"BATCH_STATE_{state}",
        "createTime": "2099-01-01T00:00:00Z",
        "output": {"inlinedResponses": {"inlinedResponses": items}},
        **more,
    }
    body = {"name": batch, "done": True, "metadata": metadata}
    shared.emulator.fault("batches.get", "status", status=200, body=body)
    shared.annotate(name, requested_at="now")


def end(shared: Operator, name: str, **options: Any) -> None:
    """Let the job's batch succeed with results that look so."""
    batch = shared.status(name)["batchName"]
    shared.emulator.results(batch, **options)
    shared.emulator.job(batch.removeprefix("batches/"), "succeed")


def texts_of(lines: list[Any]) -> list[str]:
    return [line["response"]["candidates"][0]["content"]["parts"][0]["text"] for line in lines]


def submitted(shared: Operator, name: str, **spec: Any) -> None:
    shared.apply(inline_job(name, TEXTS, output={"configMap": {"name": name}}, **spec))
    shared.wait_condition(name, "Submitted")


@pytest.fixture(autouse=True)
def honest_again(shared: Operator) -> Any:
    yield
    shared.emulator.clear_faults()


def test_results_are_delivered_in_the_order_of_the_input(shared: Operator, name: str) -> None:
    submitted(shared, name)
    end(shared, name, order="reversed")
    status = shared.wait_complete(name)
    assert [line["key"] for line in shared.results(name)] == ["a", "b", "c"]
    assert (status["state"], status["output"]["records"]) == ("Succeeded", 3)


def test_results_without_keys_belong_to_the_requests_at_their_positions(
    shared: Operator, name: str
) -> None:
    submitted(shared, name)
    end(shared, name, keys=False)
    shared.wait_complete(name)
    lines = shared.results(name)
    assert [line["key"] for line in lines] == ["a", "b", "c"]
    assert texts_of(lines) == [f"Say {key}. (2 words)" for key in "abc"]


def test_fewer_results_without_keys_are_delivered_as_they_come_and_that_is_said(
    shared: Operator, name: str
) -> None:
    submitted(shared, name)
    end(shared, name, keys=False, rows=[{"key": "b", "form": "missing"}])
    complete = shared.wait_condition(name, "Complete", "ResultsMismatch")
    assert "2 of 3 requests succeeded (1 without a usable result)." in complete["message"]
    assert "so the lines are in Google's order" in complete["message"]
    assert texts_of(shared.results(name)) == [f"Say {key}. (2 words)" for key in "ac"]


def lines_of(*keys: str) -> str:
    return "\n".join(json.dumps({"key": key, "request": generate(TEXTS[key])}) for key in keys)


@pytest.mark.parametrize(
    ("changed", "order"),
    [("abc", "abc"), ("acb", "cba"), ("ab", "cba"), ("c", "cba"), ("", "cba")],
    ids=["written again", "other order", "fewer", "one is left", "deleted"],
)
def test_only_an_input_that_is_still_the_same_gives_the_order(
    shared: Operator, name: str, changed: str, order: str
) -> None:
    source = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": f"{name}-in"}}
    shared.apply(source | {"data": {"lines": lines_of(*"abc")}})
    ref = {"configMapKeyRef": {"name": f"{name}-in", "key": "lines"}}
    shared.apply(job(name, ref, output={"configMap": {"name": name}}))
    shared.wait_condition(name, "Submitted")
    shared.kubectl("delete", "configmap", f"{name}-in")
    if changed:
        shared.apply(source | {"data": {"lines": lines_of(*changed)}})
    end(shared, name, order="reversed")
    complete = shared.wait_condition(name, "Complete", "Succeeded")
    assert [line["key"] for line in shared.results(name)] == list(order)
    assert ("in Google's order" in complete["message"]) is (order == "cba")


def test_more_results_than_google_counts_requests_do_not_match(shared: Operator, name: str) -> None:
    file = upload(shared.emulator, lines_of(*"abc").encode())
    shared.apply(job(name, {"fileName": file}, output={"configMap": {"name": name}}))
    shared.wait_condition(name, "Submitted")
    end(shared, name, rows=[{"key": "a", "form": "duplicate"}])
    complete = shared.wait_condition(name, "Complete", "ResultsMismatch")
    assert "4 of 4 requests succeeded. Google itself counts 3 of 3." in complete["message"]
    assert len(shared.results(name)) == 4


def test_googles_counts_of_results_that_were_not_read_need_not_add_up(
    shared: Operator, name: str
) -> None:
    file = upload(shared.emulator, lines_of(*"abc").encode())
    shared.apply(job(name, {"fileName": file}))
    shared.wait_condition(name, "Submitted")
    end(shared, name, stats={"requestCount": 1, "successfulRequestCount": 2})
    complete = shared.wait_condition(name, "Complete", "Succeeded")
    assert "Google counts that 2 of 2 requests succeeded" in complete["message"]


def test_one_failed_one_missing_and_one_blocked_request_are_said_exactly(
    shared: Operator, name: str
) -> None:
    shared.apply(inline_job(name, TEXTS | {"d": "Say d."}, output={"configMap": {"name": name}}))
    shared.wait_condition(name, "Submitted")
    forms = {"a": "error", "b": "missing", "c": "blocked"}
    rows = [{"key": key, "form": form} for key, form in forms.items()]
    end(shared, name, rows=rows, stats={"successfulRequestCount": 4, "failedRequestCount": 0})
    complete = shared.wait_condition(name, "Complete", "ResultsMismatch")
    said = "1 of 4 requests succeeded (1 failed, 1 blocked by Google, 1 without a usable result)."
    assert said in complete["message"]
    assert "Google itself counts 4 of 4." in complete["message"]
    assert said in shared.kubectl("describe", "gbj", name)
    status = shared.status(name)
    assert status["state"] == "PartiallySucceeded"
    assert status["requests"] == {"total": 4, "succeeded": 1, "failed": 3, "pending": 0}
    lines = shared.results(name)
    assert [line["key"] for line in lines] == ["a", "b", "c", "d"]
    assert [set(line) - {"key"} for line in lines] == [
        {"error"},
        {"error"},
        {"response"},
        {"response"},
    ]
    assert "no result" in lines[1]["error"]["message"]


def test_results_that_belong_to_no_request_are_said(shared: Operator, name: str) -> None:
    submitted(shared, name)
    rows = [{"key": "a", "form": "duplicate"}, {"key": "c", "form": "foreign"}]
    end(shared, name, rows=rows, order="reversed")
    complete = shared.wait_condition(name, "Complete", "ResultsMismatch")
    assert "2 results belong to no request and were left out." in complete["message"]
    lines = shared.results(name)
    assert [line["key"] for line in lines] == ["a", "b", "c"]
    assert "no result" in lines[2]["error"]["message"]


def test_a_job_of_which_no_request_succeeded_has_failed_and_its_results_are_there(
    shared: Operator, name: str
) -> None:
    submitted(shared, name)
    stats = {"successfulRequestCount": 3, "failedRequestCount": 0}
    end(shared, name, rows=[{"form": "status"}], stats=stats)
    failed = shared.wait_condition(name, "Failed", "AllRequestsFailed")
    assert "0 of 3 requests succeeded (3 failed)." in failed["message"]
    assert shared.status(name)["state"] == "Failed"
    assert [line["status"]["code"] for line in shared.results(name)] == [3, 3, 3]


def test_a_number_that_json_does_not_know_costs_its_line_only(shared: Operator, name: str) -> None:
    submitted(shared, name)
    end(shared, name, rows=[{"key": "b", "form": "nan"}])
    shared.wait_condition(name, "Complete", "ResultsMismatch")
    text = shared.get(name, "configmaps")["data"]["results.jsonl"]
    assert "NaN" in shared.results(name)[1]["error"]["message"]
    json.loads(text.splitlines()[1], parse_constant=lambda _: pytest.fail("a bare word"))


def test_separators_of_lines_in_a_text_do_not_end_its_line(shared: Operator, name: str) -> None:
    submitted(shared, name)
    end(shared, name, rows=[{"form": "separators"}])
    shared.wait_complete(name)
    assert texts_of(shared.results(name)) == ["one\u2028two\u2029three\u0085four"] * 3


def test_metadata_is_sent_and_delivered_back(shared: Operator, name: str) -> None:
    items = [
        {"key": "a", "request": generate("Say a."), "metadata": {"product_id": "p-1"}},
        {"key": "b", "request": generate("Say b.")},
    ]
    shared.apply(job(name, {"inline": items}, output={"configMap": {"name": name}}))
    shared.wait_condition(name, "Submitted")
    shared.emulator.job(shared.status(name)["batchName"].removeprefix("batches/"), "succeed")
    shared.wait_complete(name)
    first, second = shared.results(name)
    assert first["metadata"] == {"product_id": "p-1"}
    assert "metadata" not in second


def waits_for_results(shared: Operator, name: str) -> None:
    waiting = eventually(
        lambda: (said := shared.condition(name, "Complete")) and said,
        timeout=30,
        what="the condition Complete",
    )
    assert (waiting["status"], waiting["reason"]) == ("False", "WaitingForResults")
    assert "completionTime" not in shared.status(name)


def test_results_that_google_hides_after_the_end_are_delivered_when_it_shows_them(
    shared: Operator, name: str
) -> None:
    submitted(shared, name)
    end(shared, name, late={"seconds": 3600})
    waits_for_results(shared, name)
    shared.emulator.clear_results()
    shared.annotate(name, requested_at="again")
    assert shared.wait_complete(name)["requests"]["succeeded"] == 3


@pytest.mark.parametrize("status", [200, 403, 404, 503])
def test_a_page_instead_of_the_results_file_is_read_again_later(
    shared: Operator, name: str, status: int
) -> None:
    lines = [json.dumps({"key": key, "request": generate(text)}) for key, text in TEXTS.items()]
    file = upload(shared.emulator, "\n".join(lines).encode())
    shared.apply(job(name, {"fileName": file}, output={"configMap": {"name": name}}))
    shared.wait_condition(name, "Submitted")
    end(shared, name, download={"status": status, "count": 1000})
    waits_for_results(shared, name)
    shared.emulator.clear_results()
    shared.annotate(name, requested_at="again")
    assert shared.wait_complete(name)["requests"]["succeeded"] == 3


def test_results_that_google_does_not_show_yet_outlive_their_job(
    shared: Operator, name: str
) -> None:
    submitted(shared, name)
    end(shared, name, late={"seconds": 3600})
    waits_for_results(shared, name)
    batch = shared.status(name)["batchName"]
    shared.kubectl("delete", "gbj", name, "--timeout=30s")
    assert [known["name"] for known in shared.batches_of(name)] == [batch]
    assert "ResultsKept" in shared.events_of(name)


@pytest.mark.parametrize(
    "output",
    [None, {}, {"inlinedResponses": {}}, {"inlinedResponses": {"inlinedResponses": []}}],
    ids=["no output", "empty output", "no list", "an empty list"],
)
def test_results_that_come_late_are_waited_for_and_that_is_said(
    shared: Operator, name: str, output: Any
) -> None:
    submitted(shared, name)
    answer(shared, name, [], output=output)
    waits_for_results(shared, name)
    shared.emulator.clear_faults()
    shared.emulator.job(shared.status(name)["batchName"].removeprefix("batches/"), "succeed")
    shared.annotate(name, requested_at="again")
    assert shared.wait_complete(name)["requests"]["succeeded"] == 3


def test_partial_results_of_a_cancelled_batch_are_delivered_and_counted(
    shared: Operator, name: str
) -> None:
    submitted(shared, name)
    answer(
        shared,
        name,
        [{"metadata": {"key": "b"}, "response": {"candidates": []}}],
        state="CANCELLED",
    )
    failed = shared.wait_condition(name, "Failed", "Cancelled")
    assert "Partial results: 1 of 3 requests succeeded" in failed["message"]
    status = shared.status(name)
    assert (status["state"], status["output"]["configMap"]) == ("Cancelled", name)
    assert ["error" in line for line in shared.results(name)] == [True, False, True]


def test_partial_results_without_a_place_do_not_hide_why_the_job_ended(
    shared: Operator, name: str
) -> None:
    submitted(shared, name)
    shared.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}})
    answer(shared, name, [{"metadata": {"key": "b"}, "response": {}}], state="CANCELLED")
    failed = shared.wait_condition(name, "Failed", "Cancelled")
    assert "Partial results: " in failed["message"]
    status = shared.status(name)
    assert (status["state"], status["output"]) == ("Cancelled", {"batchName": status["batchName"]})


# Places for the results


def test_of_two_jobs_with_one_output_the_second_is_refused_before_it_is_paid(
    shared: Operator, name: str
) -> None:
    submitted(shared, name)
    second = f"{name}-second"
    shared.apply(inline_job(second, TEXTS, output={"configMap": {"name": name}}))
    failed = shared.wait_condition(second, "Failed", "DeliveryFailed")
    assert f"job {name} delivers to ConfigMap {name} too" in failed["message"]
    assert shared.batches_of(second) == []


def test_a_policy_against_the_output_stalls_the_job_before_it_is_paid(
    shared: Operator, name: str
) -> None:
    api = shared.control_plane.api
    policies = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies"
    api.request("POST", policies, policy(shared.namespace, name))
    api.request("POST", f"{policies[:-3]}ybindings", binding(name))
    try:
        eventually(lambda: refused(shared, name), timeout=30, what="the policy to act")
        shared.apply(inline_job(name, TEXTS, output={"configMap": {"name": name}}))
        stalled = shared.wait_problem(name, "OutputRefused")
        assert "ConfigMaps need a label team" in stalled["message"]
        assert shared.batches_of(name) == []
    finally:
        api.request("DELETE", f"{policies[:-3]}ybindings/{name}")
        api.request("DELETE", f"{policies}/{name}")
    shared.wait_condition(name, "Submitted", timeout=60)
    assert shared.condition(name, "Stalled") == {}


def test_s8_a_quota_for_config_maps_stalls_the_job_before_it_is_paid(
    shared: Operator, name: str
) -> None:
    """`ResourceQuota` is the budget of a namespace: the operator's ConfigMaps count like others."""
    quotas = f"/api/v1/namespaces/{shared.namespace}/resourcequotas"
    full = {"count/configmaps": "1"}
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": name}}
    shared.control_plane.api.request("POST", quotas, {**quota, "spec": {"hard": full}})
    try:
        # The API server of the tests has no controller that counts what is there.
        counted = {**quota, "status": {"hard": full, "used": full}}
        eventually(
            lambda: shared.control_plane.api.request("PUT", f"{quotas}/{name}/status", counted)
        )
        shared.apply(inline_job(name, TEXTS, output={"configMap": {"name": name}}))
        said = shared.wait_problem(name, "OutputRefused", timeout=30)
        assert "exceeded quota" in said["message"]
        assert "count/configmaps=1" in said["message"]
        assert shared.batches_of(name) == []
    finally:
        shared.control_plane.api.request("DELETE", f"{quotas}/{name}")
    shared.wait_condition(name, "Submitted", timeout=60)


def test_undelivered_results_outlive_their_job_and_are_delivered_without_a_second_bill(
    shared: Operator, name: str
) -> None:
    submitted(shared, name)
    taken = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}}
    shared.apply(taken)
    batch, uid = shared.status(name)["batchName"], shared.get(name)["metadata"]["uid"]
    shared.emulator.job(batch.removeprefix("batches/"), "succeed")
    failed = shared.wait_condition(name, "Failed", "DeliveryFailed")
    assert "spec.adopt has this batch as batchName" in failed["message"]
    shared.kubectl("delete", "gbj", name, "--timeout=30s")
    assert [known["name"] for known in shared.batches_of(name)] == [batch]
    assert "ResultsKept" in shared.events_of(name)
    heir = f"{name}-heir"
    shared.apply(
        {
            "apiVersion": "gemini-operator.io/v1alpha1",
            "kind": "GeminiBatchJob",
            "metadata": {"name": heir},
            "spec": {
                "model": "gemini-2.5-flash",
                "adopt": {"batchName": batch, "previousUID": uid},
                "deletionPolicy": "Orphan",
                "output": {"configMap": {"name": heir}},
            },
        }
    )
    assert shared.wait_complete(heir)["requests"]["succeeded"] == 3
    assert sorted(line["key"] for line in shared.results(heir)) == ["a", "b", "c"]
    assert [known["name"] for known in shared.batches_of(name)] == [batch]


def policy(namespace: str, name: str) -> JSON:
    return {
        "metadata": {"name": name},
        "spec": {
            "failurePolicy": "Fail",
            "matchConstraints": {
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
                "resourceRules": [
                    {
                        "apiGroups": [""],
                        "apiVersions": ["v1"],
                        "operations": ["CREATE"],
                        "resources": ["configmaps"],
                    }
                ],
            },
            "matchConditions": [
                {"name": "ours", "expression": f"object.metadata.name.startsWith('{name}')"}
            ],
            "validations": [
                {
                    "expression": "has(object.metadata.labels) && 'team' in object.metadata.labels",
                    "message": "ConfigMaps need a label team",
                    "reason": "Forbidden",
                }
            ],
        },
    }


def binding(name: str) -> JSON:
    return {
        "metadata": {"name": name},
        "spec": {"policyName": name, "validationActions": ["Deny"]},
    }


def refused(shared: Operator, name: str) -> bool:
    """Whether the policy is in effect already."""
    body = {"metadata": {"generateName": f"{name}-", "labels": {}}}
    try:
        path = f"{shared.path('configmaps')}?dryRun=All"
        shared.control_plane.api.request("POST", path, body)
    except ApiError:
        return True
    return False
