"""Logs, metrics, health, and the sanitiser for everything that strangers wrote."""
