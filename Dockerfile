# The image of the operator and the emulator: Python, the pinned dependencies, and the program.
#
# A release pins the base by its digest. To find it:
#   docker buildx imagetools inspect docker.io/library/python:3.13-slim
# and pass it as BASE=docker.io/library/python:3.13-slim@sha256:<digest>.
# BASE may be any image with python3 (3.11 or newer) in its PATH and the modules venv and ensurepip.
ARG BASE=docker.io/library/python:3.13-slim

FROM ${BASE} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /source
# The environment of the program gets no pip: the one in /build installs into it.
RUN python3 -m venv /build && python3 -m venv --without-pip /opt/gemini-operator
COPY requirements/run.txt requirements/build.txt requirements/
# The files name every dependency. With --no-deps, old versions of pip do not stumble over extras.
RUN /build/bin/pip --python /opt/gemini-operator/bin/python install --quiet --no-compile --no-deps --require-hashes -r requirements/run.txt \
 && /build/bin/pip install --quiet --no-deps --require-hashes -r requirements/build.txt
COPY pyproject.toml README.md LICENSE ./
COPY operator operator
RUN /build/bin/pip wheel --quiet --no-deps --no-build-isolation --wheel-dir /wheels . \
 && /build/bin/pip --python /opt/gemini-operator/bin/python install --quiet --no-compile --no-deps /wheels/*.whl \
 && /build/bin/pip --python /opt/gemini-operator/bin/python check
# The Kubernetes client has a module for each type and loads them lazily; the program uses none.
# Without their bytecode the image is 60 MB smaller.
RUN /opt/gemini-operator/bin/python -m compileall -q -x 'kubernetes/(aio/)?client/(api|models)/' /opt/gemini-operator/lib

FROM ${BASE}
ARG VERSION=unknown
ARG REVISION=unknown
ARG SOURCE=
LABEL org.opencontainers.image.title="gemini-operator" \
      org.opencontainers.image.description="Kubernetes operator that makes a long-running Gemini API job a Kubernetes object" \
      org.opencontainers.image.source="${SOURCE}" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
# Removes every installer of the base. What is left is Python and its standard library.
RUN rm -rf /usr/local/bin/pip* /usr/bin/pip* /usr/share/python-wheels \
      /usr/local/lib/python3*/ensurepip /usr/local/lib/python3*/site-packages/* \
      /usr/lib/python3*/ensurepip /usr/lib/python3/dist-packages/pip* /usr/lib/python3/dist-packages/setuptools* \
      /root/.cache /var/cache/apt/* /var/lib/apt/lists/* \
 && echo "gemini-operator:x:65532:" >> /etc/group \
 && echo "gemini-operator:x:65532:65532::/nonexistent:/usr/sbin/nologin" >> /etc/passwd
COPY --from=build /opt/gemini-operator /opt/gemini-operator
# The root file system may be read-only: Python writes no bytecode, and what it needs is compiled.
# What writes temporary files needs a volume on /tmp.
ENV PATH=/opt/gemini-operator/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
WORKDIR /
USER 65532:65532
ENTRYPOINT ["/opt/gemini-operator/bin/gemini-operator"]
