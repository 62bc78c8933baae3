"""Secrets that have what each kind of storage needs."""

import json
from functools import cache

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from pydantic import SecretStr

S3 = {"access_key_id": SecretStr("AKID"), "secret_access_key": SecretStr("s3cr3t+/=")}
AZURE = {"account_name": SecretStr("myaccount"), "account_key": SecretStr("c2VjcmV0")}
AZURE_SAS = {"account_name": SecretStr("myaccount"), "sas_token": SecretStr("?sv=1&sig=s%2Bx")}
HTTPS = {"token": SecretStr("t0ken")}
HOSTS = {"gemini-operator.io/hosts": "example.com, Files.Example.COM."}


@cache
def private_key() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return key.private_bytes(encoding, form, serialization.NoEncryption()).decode()


def gcs(**more: object) -> dict[str, SecretStr]:
    account = {
        "type": "service_account",
        "client_email": "robot@project.iam.gserviceaccount.com",
        "private_key_id": "0123abc",
        "private_key": private_key(),
        **more,
    }
    return {"service_account.json": SecretStr(json.dumps(account))}
