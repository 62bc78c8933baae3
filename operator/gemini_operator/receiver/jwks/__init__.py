"""Google's public keys: read strictly, fetched asynchronously, kept with care."""
