"""Several controllers, of which one works (rule P6)."""
