"""The Gemini API's routes for models. Only three are listed; batches accept any model name."""

from typing import Any

from aiohttp import web

from gemini_emulator.errors import ApiError
from gemini_emulator.routes import VERSION, ApiRoute, project_of

_METHODS = {
    "gemini-2.5-flash": ["generateContent", "batchGenerateContent"],
    "gemini-2.5-pro": ["generateContent", "batchGenerateContent"],
    "gemini-embedding-001": ["embedContent", "asyncBatchEmbedContent"],
}


def table() -> list[ApiRoute]:
    return [
        ApiRoute("GET", VERSION + "/models", "models.list", list_models),
        ApiRoute("GET", VERSION + "/models/{model:[^/:]+}", "models.get", get_model),
    ]


async def list_models(request: web.Request) -> web.Response:
    project_of(request)
    return web.json_response({"models": [_resource(model) for model in _METHODS]})


async def get_model(request: web.Request) -> web.Response:
    project_of(request)
    model = request.match_info["model"]
    if model not in _METHODS:
        raise ApiError(404, f"Model is not found: models/{model} for api version v1beta")
    return web.json_response(_resource(model))


def _resource(model: str) -> dict[str, Any]:
    return {
        "name": f"models/{model}",
        "version": "001",
        "displayName": model,
        "inputTokenLimit": 1_048_576,
        "outputTokenLimit": 65_536,
        "supportedGenerationMethods": _METHODS[model],
    }
