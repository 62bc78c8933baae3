"""Builds the official SDK's client on our transport, without settings from the environment."""

import ssl
import warnings

import httpx2
from google import genai
from google.genai import client as genai_client
from google.genai import types
from pydantic import SecretStr

from gemini_operator.gemini.connection import API_VERSION
from gemini_operator.gemini.settings import GeminiSettings


def build(
    key: SecretStr, settings: GeminiSettings, http: httpx2.AsyncClient, ssl_context: ssl.SSLContext
) -> genai.Client:
    """Return a client that sends all asynchronous requests through `http`.

    Everything that the SDK would read from the environment is passed: the key (`GOOGLE_API_KEY`),
    `vertexai` and the debug mode (S4). Synchronous calls fail. Both HTTP clients and the TLS
    context are passed too, so that building a client reads no file and takes less than 1 ms.

    Args:
        key: a checked API key.
        settings: the address, and the timeouts.
        http: sends the requests.
        ssl_context: for the parts of the SDK that make connections of their own.
    """
    _quieten()
    return genai.Client(
        api_key=key.get_secret_value(),
        vertexai=False,
        debug_config=genai_client.DebugConfig(
            client_mode=None, replays_directory=None, replay_id=None
        ),
        http_options=types.HttpOptions(
            base_url=settings.base_url,
            api_version=API_VERSION,
            timeout=milliseconds(settings.timeout),
            # A repeated create would be a second, paid batch (P9).
            retry_options=types.HttpRetryOptions(attempts=1),
            httpx_async_client=http,
            httpx_client=_SYNCHRONOUS,
            async_client_args={"ssl": ssl_context},
        ),
    )


def milliseconds(seconds: float) -> int:
    """Return a time in the SDK's unit, at least 1."""
    return max(1, round(seconds * 1000))


class _Refusing(httpx2.BaseTransport):
    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        raise httpx2.UnsupportedProtocol("synchronous calls are not used here", request=request)


_SYNCHRONOUS = httpx2.Client(transport=_Refusing(), trust_env=False)


def _quieten() -> None:
    """Silence the SDK's warnings about every embeddings batch, and about states it does not know.

    The latter quote whatever Google sends, unsanitised.
    """
    warnings.filterwarnings("ignore", message=r"batches\.create_embeddings\(\) is experimental")
    warnings.filterwarnings(
        "ignore", message=r"(?s).* is not a valid JobState", category=UserWarning
    )
