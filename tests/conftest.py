"""What every test may rely on."""

import os

# A developer's own cluster, keys, settings and proxies must not reach a test.
FOREIGN = ("GEMINI_", "GOOGLE_", "KUBECONFIG", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
OURS = ("GEMINI_OPERATOR_CACHE",)

for name in list(os.environ):
    if name.upper().startswith(FOREIGN) and name not in OURS:
        del os.environ[name]
