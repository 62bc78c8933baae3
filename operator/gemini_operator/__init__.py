"""Kubernetes operator that makes a long-running Gemini API job a Kubernetes object."""
