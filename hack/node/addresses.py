"""The addresses of the node. All but the host's end of the uplink are in its network namespace."""

BRIDGE = "cni0"
NODE = "10.244.0.1"
"""The bridge's address: the node's, the API server's and the kubelet's."""

PODS = "10.244.0.0/24"
SERVICES = "10.96.0.0/24"
API_SERVICE = "10.96.0.1"
DNS_SERVICE = "10.96.0.10"
DNS_DOMAIN = "cluster.local"

HOST_LINK = "gemini-node0"
"""The host's end of the pair that connects it with the node."""

NODE_LINK = "uplink"
HOST_ADDRESS = "10.244.255.1"
UPLINK_ADDRESS = "10.244.255.2"

API_PORT = 6443
SERVER = f"https://{NODE}:{API_PORT}"
