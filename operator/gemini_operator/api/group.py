"""What the custom resource is called, and the metadata keys the operator reads and writes."""

from typing import Final

GROUP: Final = "gemini-operator.io"
VERSION: Final = "v1alpha1"
API_VERSION: Final = f"{GROUP}/{VERSION}"
KIND: Final = "GeminiBatchJob"
PLURAL: Final = "geminibatchjobs"
SINGULAR: Final = "geminibatchjob"
SHORT_NAME: Final = "gbj"
CATEGORY: Final = "gemini"

RESERVED_PREFIX: Final = f"{GROUP}/"
"""Keys of `userMetadata` that start with this are the operator's own."""

FINALIZER: Final = f"{GROUP}/batch"

RESOLVE_SUBMISSION: Final = f"{GROUP}/resolve-submission"
"""Annotation by which a person settles an ambiguous submission: a batch name or `Resubmit:<id>`."""

REQUESTED_AT: Final = f"{GROUP}/requested-at"
"""Annotation whose every new value asks for one read of the batch."""

FORCE_DELETE: Final = f"{GROUP}/force-delete"
"""Annotation by which a person gives up the batch at Google so that the object can go."""

JOB_NAME: Final = f"{GROUP}/job-name"
"""Annotation on an output ConfigMap, and a label where the name fits: the job that made it."""

OUTPUT_UID: Final = f"{GROUP}/job-uid"
"""Annotation on an output ConfigMap: the uid of the job that made it."""
