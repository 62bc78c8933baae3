"""The words of a request, in whichever of its spellings they come."""

from typing import Any

from gemini_emulator.wire import member


def prompt(request: dict[str, Any]) -> str:
    """Join every text of a GenerateContentRequest or EmbedContentRequest, in order."""
    found = [
        *_texts(member(request, "systemInstruction")),
        *_texts(request.get("contents")),
        *_texts(request.get("content")),
    ]
    return "\n".join(found)


def _texts(content: Any) -> list[str]:
    """A content is a text, a part, `{"parts": …}` or a list of any of them."""
    match content:
        case str():
            return [content]
        case list():
            return [text for item in content for text in _texts(item)]
        case {"parts": parts}:
            return _texts(parts)
        case {"text": str(text)}:
            return [text]
        case _:
            return []
