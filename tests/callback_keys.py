"""Callback keys for tests: fixed, and random enough to be accepted."""

KEY = "7b5e1bcf983582073e7cdf525124c72fb41570c8eea6e73f5c1c0ef5cf9ecbbf"
OTHER_KEY = "e5b4554099e6f05f5223e26226fa8aa874b7af921064eee11f3bb0990ce89bed"
