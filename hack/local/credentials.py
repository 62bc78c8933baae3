"""Keys, tokens and kubeconfigs of a control plane. All files are readable by their owner only."""

import json
import os
import secrets
from pathlib import Path

import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from local.programs import Files

AUDIT_POLICY = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [
        {
            "level": "Metadata",
            "resources": [
                {"group": "gemini-operator.io"},
                {"group": "", "resources": ["configmaps", "secrets", "events"]},
                {"group": "events.k8s.io"},
                {"group": "coordination.k8s.io"},
            ],
        },
        {"level": "None"},
    ],
}


def prepare(files: Files) -> None:
    """Write what the API server reads at its start; keep what is there."""
    if not files.account_key.exists():
        _write_account_keys(files)
    if not files.tokens.exists():
        write_private(files.tokens, f'{secrets.token_hex(32)},admin,admin,"system:masters"\n')
    files.audit_policy.write_text(json.dumps(AUDIT_POLICY))


def admin_token(files: Files) -> str:
    return files.tokens.read_text().partition(",")[0]


def write_kubeconfig(
    path: Path, *, server: str, authority: Path, token: str, namespace: str = "default"
) -> Path:
    """The token is in the file, so the file is private."""
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {
                "name": "local",
                "cluster": {"server": server, "certificate-authority": str(authority)},
            }
        ],
        "users": [{"name": "user", "user": {"token": token}}],
        "contexts": [
            {
                "name": "local",
                "context": {"cluster": "local", "user": "user", "namespace": namespace},
            }
        ],
        "current-context": "local",
    }
    return write_private(path, yaml.safe_dump(config, sort_keys=False))


def write_private(path: Path, text: str) -> Path:
    """Appears at once and whole: a process that reads it meanwhile sees the old text or the new."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    unfinished.touch(mode=0o600)
    unfinished.write_text(text)
    return unfinished.replace(path)


def _write_account_keys(files: Files) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )
    write_private(files.account_public_key, public.decode())
    write_private(files.account_key, private.decode())
