"""A single-node Kubernetes cluster with real pods, in namespaces of its own on this machine."""
