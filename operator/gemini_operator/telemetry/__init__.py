"""Logs, metrics, health, and the sanitiser for text from outside."""
