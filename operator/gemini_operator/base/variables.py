"""Finds variables of the environment that look like ours and set no flag: they may be misspelt."""

import difflib
import re
from collections.abc import Iterator, Mapping

from gemini_operator.base.flags import PREFIX, SERVICE_ADDRESS

# The flags of all commands, which share one environment in `make up`. Listed here, because the
# receiver must not import what the controller needs.
FLAGS = (
    *("allow-insecure-gemini", "allow-insecure-jwks", "allow-insecure-object-store"),
    *("ambient-object-store", "callback-keys-dir", "callback-signing-key", "https-input-allow"),
    *("https-input-deny", "object-store-endpoint"),
    *("control-token", "create-timeout", "credentials-ttl", "default-api-key-secret"),
    *("deliver-to", "gemini-base-url", "health-host", "host", "jwks-url", "jwt-audience"),
    *("jwt-issuer", "kubeconfig", "leader-elect", "lease-duration", "lease-name"),
    *("lease-namespace", "lease-renew-deadline", "lease-retry-period", "log-format", "log-level"),
    *("max-open-batches", "max-open-batches-per-key", "max-priority"),
    *("max-reads-per-second-per-key", "max-stored-bytes", "metrics-port", "namespaces", "port"),
    *("public-url", "relist-interval", "retry-schedule", "schedule", "signature", "state-dir"),
    *("static-secrets-dir", "submit-grace", "sweep-interval", "token-audience"),
    *("trust-proxy-environment", "workers"),
)
VARIABLES = frozenset(f"{PREFIX}_{flag.replace('-', '_').upper()}" for flag in FLAGS)

# Where the developers' tools keep programs, and where `crds` writes.
_OTHERS = frozenset({f"{PREFIX}_CACHE", f"{PREFIX}_CHECK", f"{PREFIX}_OUTPUT"})

# What Kubernetes sets for each Service, besides its address.
_OF_A_SERVICE = re.compile(
    r".*_(?:SERVICE_HOST|SERVICE_PORT(?:_\w+)?|PORT_\d+_(?:TCP|UDP|SCTP)(?:_\w+)?)"
)


def unknown(environ: Mapping[str, str]) -> Iterator[str]:
    """Yield a line for each variable that sets no flag, with the name that it may mean.

    It can only be a warning: a pod may have such variables for Services, which nobody set.

    Args:
        environ: variables and their values, which are not shown.
    """
    for name, value in sorted(environ.items()):
        if not name.startswith(f"{PREFIX}_") or name in VARIABLES | _OTHERS:
            continue
        if _OF_A_SERVICE.fullmatch(name) or SERVICE_ADDRESS.fullmatch(value):
            continue
        yield f"the variable {name} sets no flag and is ignored{_meant(name)}"


def _meant(name: str) -> str:
    own = {each.removeprefix(PREFIX): each for each in sorted(VARIABLES)}
    near = difflib.get_close_matches(name.removeprefix(PREFIX), own, 1, 0.7)
    return f"; did you mean {own[near[0]]}?" if near else ""
