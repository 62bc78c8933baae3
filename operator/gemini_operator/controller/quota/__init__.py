"""Who may send a create now (rule P23)."""
