"""Quota: which job may send a create now (P23)."""
