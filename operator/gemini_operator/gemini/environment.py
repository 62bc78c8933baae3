"""Environment variables that libraries would take for credentials or addresses."""

from collections.abc import MutableMapping

_PREFIXES = ("GOOGLE_", "GEMINI_", "CLOUDSDK_", "GCE_METADATA_", "AWS_", "AZURE_")
_NAMES = frozenset({"IDENTITY_ENDPOINT", "IDENTITY_HEADER", "MSI_ENDPOINT", "MSI_SECRET"})
_OURS = "GEMINI_OPERATOR_"


def scrub(environ: MutableMapping[str, str]) -> list[str]:
    """Remove what the Gemini SDK (rule S4) and object stores (rule S2) read by themselves.

    An empty key in a Secret must never mean the pod's own key, and a bucket must never be opened
    with the pod's own identity. Called once, before any client is made.

    Returns:
        The names that were removed, sorted; never their values.
    """
    found = sorted(name for name in environ if _ambient(name.upper()))
    for name in found:
        del environ[name]
    return found


def _ambient(name: str) -> bool:
    if name.startswith(_OURS):
        return False
    return name in _NAMES or name.startswith(_PREFIXES)
