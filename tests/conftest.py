"""What every test may rely on."""

import os

from hypothesis import settings

# A developer's own cluster, keys, settings and proxies must not reach a test.
FOREIGN = ("GEMINI_", "GOOGLE_", "KUBECONFIG", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
OURS = ("GEMINI_OPERATOR_CACHE",)

for name in list(os.environ):
    if name.upper().startswith(FOREIGN) and name not in OURS:
        del os.environ[name]

# `make test` tries a few dozen examples of each property; HYPOTHESIS_PROFILE=thorough a thousand.
settings.register_profile("quick", max_examples=40, deadline=None)
settings.register_profile("thorough", max_examples=1000, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))
