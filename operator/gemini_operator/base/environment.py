"""Removes environment variables that libraries would use as credentials or addresses."""

from collections.abc import Iterable, MutableMapping

_PREFIXES = ("GOOGLE_", "GEMINI_", "CLOUDSDK_", "GCE_METADATA_", "AWS_", "AZURE_")
# SERVICE_ACCOUNT is the path of a key file for obstore.
_NAMES = frozenset(
    {"IDENTITY_ENDPOINT", "IDENTITY_HEADER", "MSI_ENDPOINT", "MSI_SECRET", "SERVICE_ACCOUNT"}
)
_OURS = "GEMINI_OPERATOR_"


def scrub(environ: MutableMapping[str, str]) -> list[str]:
    """Remove the variables that the Gemini SDK (S4) and clients of object stores (S2) read.

    For an empty key in a Secret the SDK would use the pod's own key, and a bucket would be opened
    with the pod's own identity. Call it once, before any client is made.

    Returns:
        The names that were removed, sorted; never their values.
    """
    found = ambient(environ)
    for name in found:
        del environ[name]
    return found


def ambient(names: Iterable[str]) -> list[str]:
    """Return the names of variables that `scrub` removes, sorted."""
    return sorted(name for name in names if _is_ambient(name.upper()))


def _is_ambient(name: str) -> bool:
    if name.startswith(_OURS):
        return False
    return name in _NAMES or name.startswith(_PREFIXES)
