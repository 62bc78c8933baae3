"""Google's public keys: fetched, parsed and cached."""
