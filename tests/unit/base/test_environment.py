import os

from gemini_operator.base.environment import ambient, scrub


def test_s04_the_variables_of_the_sdk_are_removed() -> None:
    environ = {
        "GOOGLE_API_KEY": "k",
        "GEMINI_API_KEY": "k",
        "GOOGLE_GENAI_USE_VERTEXAI": "1",
        "GOOGLE_GEMINI_BASE_URL": "https://elsewhere.example",
        "google_cloud_project": "p",
        "PATH": "/bin",
    }
    assert scrub(environ) == [
        "GEMINI_API_KEY",
        "GOOGLE_API_KEY",
        "GOOGLE_GEMINI_BASE_URL",
        "GOOGLE_GENAI_USE_VERTEXAI",
        "google_cloud_project",
    ]
    assert environ == {"PATH": "/bin"}


def test_s04_our_own_configuration_stays() -> None:
    environ = {"GEMINI_OPERATOR_GEMINI_BASE_URL": "https://a.example", "GEMINI_OPERATORX": "x"}
    assert scrub(environ) == ["GEMINI_OPERATORX"]
    assert environ == {"GEMINI_OPERATOR_GEMINI_BASE_URL": "https://a.example"}


def test_s02_the_variables_of_object_stores_are_removed() -> None:
    environ = dict.fromkeys(
        [
            *("AWS_ACCESS_KEY_ID", "AZURE_FEDERATED_TOKEN_FILE", "IDENTITY_ENDPOINT"),
            *("SERVICE_ACCOUNT", "AWSX", "HOME"),
        ],
        "v",
    )
    found = [
        *("AWS_ACCESS_KEY_ID", "AZURE_FEDERATED_TOKEN_FILE", "IDENTITY_ENDPOINT"),
        "SERVICE_ACCOUNT",
    ]
    assert ambient(environ) == found
    assert scrub(environ) == found
    assert set(environ) == {"AWSX", "HOME"}
    assert ambient(environ) == []


def test_s04_the_process_environment_itself_can_be_scrubbed() -> None:
    os.environ["GOOGLE_GENAI_CLIENT_MODE"] = "replay"
    assert "GOOGLE_GENAI_CLIENT_MODE" in scrub(os.environ)
    assert "GOOGLE_GENAI_CLIENT_MODE" not in os.environ
    assert scrub(os.environ) == []
