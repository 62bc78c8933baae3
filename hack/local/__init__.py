"""A Kubernetes control plane on this machine: no containers, no root, free ports, one directory."""
