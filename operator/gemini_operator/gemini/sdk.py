"""The official SDK, tied to our transport and deaf to the environment."""

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
    """A client whose every asynchronous request goes through `http`.

    The key is given, so `GOOGLE_API_KEY` is not asked (rule S4); `vertexai` and the debug mode
    have variables of their own. Its synchronous side refuses to work. With both HTTP clients and
    the TLS context handed in, making a client takes no file or certificate and under 1 ms.
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
            retry_options=types.HttpRetryOptions(attempts=1),
            httpx_async_client=http,
            httpx_client=_SYNCHRONOUS,
            async_client_args={"ssl": ssl_context},
        ),
    )


def milliseconds(seconds: float) -> int:
    """The SDK's unit of time."""
    return max(1, round(seconds * 1000))


class _Refusing(httpx2.BaseTransport):
    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        raise httpx2.UnsupportedProtocol("synchronous calls are not used here", request=request)


_SYNCHRONOUS = httpx2.Client(transport=_Refusing(), trust_env=False)


def _quieten() -> None:
    """The SDK warns on every embeddings batch, and quotes whatever word Google sends as state."""
    warnings.filterwarnings("ignore", message=r"batches\.create_embeddings\(\) is experimental")
    warnings.filterwarnings(
        "ignore", message=r"(?s).* is not a valid JobState", category=UserWarning
    )
