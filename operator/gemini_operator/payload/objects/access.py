"""Opens what a job refers to in object storage, with the credentials of its Secret."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from gemini_operator.api.references import CredentialsSecretRef
from gemini_operator.api.v1alpha1.input import InputObject
from gemini_operator.api.v1alpha1.output import OutputObject
from gemini_operator.kube import secrets
from gemini_operator.kube.client import KubeClient
from gemini_operator.kube.errors import BadName, Forbidden, ObjectNotFound
from gemini_operator.payload.objects import location
from gemini_operator.payload.objects.credentials import (
    Credentials,
    HttpsCredentials,
    from_secret,
)
from gemini_operator.payload.objects.errors import InvalidReference, NotAllowed, SourceMissing
from gemini_operator.payload.objects.https_source import HttpsClient
from gemini_operator.payload.objects.location import BucketLocation, HttpsLocation
from gemini_operator.payload.objects.source import Source, open_source
from gemini_operator.payload.objects.stores import Store, Stores


class ObjectAccess:
    """Opens inputs and outputs of jobs.

    Args:
        kube: reads Secrets.
        stores: opens buckets.
        https: reads https URLs.
    """

    def __init__(self, kube: KubeClient, stores: Stores, https: HttpsClient) -> None:
        self._kube = kube
        self._stores = stores
        self._https = https

    @asynccontextmanager
    async def reading(self, namespace: str, source: InputObject) -> AsyncIterator[Source]:
        """Open an input of a job in `namespace`.

        Raises:
            ObjectError: it cannot be read; the message says why and what to do.
            KubeError: the API server did not answer.
        """
        where = location.parse(source.uri)
        scheme = "https" if isinstance(where, HttpsLocation) else where.scheme
        credentials = await self._credentials(namespace, source.credentials_secret_ref, scheme)
        opened = open_source(where, namespace, credentials, stores=self._stores, https=self._https)
        async with opened as found:
            yield found

    async def writing(
        self, namespace: str, name: str, uid: str, output: OutputObject
    ) -> tuple[BucketLocation, Store]:
        """Return where the results of a job go, and a client of that bucket.

        Raises:
            ObjectError: it cannot be written; the message says why and what to do.
            KubeError: the API server did not answer.
        """
        where = location.result_location(output.uri, namespace, name, uid)
        credentials = await self._credentials(
            namespace, output.credentials_secret_ref, where.scheme
        )
        if isinstance(credentials, HttpsCredentials):
            raise InvalidReference(f"the Secret for {where} is for another kind of storage")
        return where, self._stores.open(where, namespace, credentials)

    async def _credentials(
        self, namespace: str, ref: CredentialsSecretRef | None, scheme: str
    ) -> Credentials | None:
        if ref is None:
            return None
        try:
            secret = await secrets.read(self._kube, namespace, ref.name)
        except ObjectNotFound:
            raise SourceMissing(
                f"namespace {namespace} has no Secret {ref.name}: create it"
            ) from None
        except secrets.KeyMissing as error:
            raise InvalidReference(f"{error.message}: correct it") from None
        except (Forbidden, BadName) as error:
            raise NotAllowed(
                f"the operator may not read Secret {ref.name}: add its name to the chart's "
                f"controller.objectStore.allowedSecretNames ({error.message})"
            ) from None
        return from_secret(ref.name, secret.data, scheme, secret.annotations)
