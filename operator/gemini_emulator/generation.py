"""The emulated model: it reads the text of a request and gives a deterministic response."""

import hashlib
import re
from typing import Any

from gemini_emulator.proto_json import member

_CLASSIFY = re.compile(
    r"\b(classif|categori[sz]|label|sentiment|topic|one of|which of)", re.IGNORECASE
)
_WORD = r"[A-Za-z][\w-]{0,30}"
_BULLET_LIST = re.compile(rf"\b({_WORD}(?:\s*[|/]\s*{_WORD})+)")
_OR_LIST = re.compile(rf"\b({_WORD}(?:\s*,\s*{_WORD})*\s*,?\s+or\s+{_WORD})", re.IGNORECASE)
_PLAIN_LIST = re.compile(
    rf"(?::|\bone of|\binto|\bas)\s*({_WORD}(?:\s*,\s*(?:and\s+)?{_WORD})+)", re.IGNORECASE
)
_SEPARATOR = re.compile(r"\s*(?:,|\||/|\bor\b|\band\b)\s*", re.IGNORECASE)
_SUMMARY_WORDS = 16

CUES = {
    "positive": "good great love loved loves excellent happy fast friendly perfect recommend "
    "thanks wonderful best works easy helpful delicious comfortable",
    "negative": "bad broken slow rude hate hated terrible worst late refund never poor awful "
    "disappointed crashed crashes missing cold failed damaged",
}


def prompt_text(request: dict[str, Any]) -> str:
    """Return all texts of a GenerateContentRequest or EmbedContentRequest, in order."""
    found = [
        *_texts(member(request, "systemInstruction")),
        *_texts(request.get("contents")),
        *_texts(request.get("content")),
    ]
    return "\n".join(found)


def _texts(content: Any) -> list[str]:
    """Return the texts of a content: a text, a part, `{"parts": …}` or a list of these."""
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


def generate_text(prompt: str) -> str:
    """Return one of the options that a classification prompt offers, else a short summary."""
    options, rest = offered_options(prompt) if _CLASSIFY.search(prompt) else ([], prompt)
    return choose_option(options, rest) if options else summarize(prompt)


def offered_options(prompt: str) -> tuple[list[str], str]:
    """Return the options to choose from, and the prompt without them."""
    for pattern in (_OR_LIST, _BULLET_LIST, _PLAIN_LIST):
        if match := pattern.search(prompt):
            words = [word for word in _SEPARATOR.split(match[1]) if word]
            return words, prompt[: match.start(1)] + prompt[match.end(1) :]
    return [], prompt


def choose_option(options: list[str], text: str) -> str:
    """Return the option with the most cues in the text; without cues a neutral one, or by hash."""
    words = set(re.findall(r"[a-z]+", text.lower()))
    scores = {option: _score(option.lower(), words) for option in options}
    best = max(scores.values())
    if best == 0:
        neutral = [option for option in options if option.lower() in {"neutral", "other", "mixed"}]
        return neutral[0] if neutral else options[text_digest(text) % len(options)]
    return next(option for option in options if scores[option] == best)


def summarize(prompt: str) -> str:
    words = prompt.split()
    kept = " ".join(words[:_SUMMARY_WORDS])
    more = " …" if len(words) > _SUMMARY_WORDS else ""
    return f"{kept}{more} ({len(words)} words)"


def embedding_vector(text: str, size: int) -> list[float]:
    """Return `size` numbers between -1 and 1 that depend only on the text."""
    return [round(int.from_bytes(_block(text, index)[:4]) / 2**31 - 1, 7) for index in range(size)]


def _score(option: str, words: set[str]) -> int:
    cues = {option, option + "s", *CUES.get(option, "").split()}
    return len(cues & words)


def text_digest(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8])


def _block(text: str, index: int) -> bytes:
    return hashlib.sha256(f"{index}:{text}".encode()).digest()
