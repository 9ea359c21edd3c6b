# exitkit with its locked dependencies, for a user without rights on a read-only root.
#
# BASE is a tag, so that it can be read. To pin the bytes as well, give the digest that
# `docker buildx imagetools inspect` shows: --build-arg BASE=python:3.12.12-slim-bookworm@sha256:...
# Both stages start from it: the environment's interpreter is the base's.
# Plain instructions only, so that older builders take it too.
ARG BASE=python:3.12.12-slim-bookworm

FROM ${BASE} AS build
WORKDIR /src
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore PYTHONDONTWRITEBYTECODE=1

# First what changes seldom: the dependencies, each with its hash, and none built from source.
COPY requirements/core.lock requirements/build.lock requirements/
RUN python -m venv --without-pip /opt/exitkit \
 && python -m pip --python /opt/exitkit/bin/python install \
      --require-hashes --only-binary :all: --no-deps --no-compile -r requirements/core.lock \
 && python -m pip install --require-hashes --only-binary :all: --no-deps -r requirements/build.lock

COPY pyproject.toml README.md LICENSE ./
COPY exitkit exitkit
RUN python -m pip wheel --no-index --no-deps --no-build-isolation --wheel-dir dist . \
 && python -m pip --python /opt/exitkit/bin/python install --no-index --no-deps --no-compile dist/exitkit-*.whl

# The root is read-only when this runs, so bytecode is made here. Unchecked, because a layer's times may
# be rewritten. -I keeps the folder that the command is called in, and PYTHON* variables, out of it.
RUN python -m compileall -q --invalidation-mode unchecked-hash /opt/exitkit/lib \
 && sed -i '1s|$| -I|' /opt/exitkit/bin/exitkit \
 && head -n 1 /opt/exitkit/bin/exitkit \
 && chmod -R a+rX,go-w /opt/exitkit

FROM ${BASE}
ARG VERSION=
ARG REVISION=
LABEL org.opencontainers.image.title="exitkit" \
      org.opencontainers.image.description="What should happen when an Argo workflow ends: tell people, clean up, ship the logs, report." \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"

COPY --from=build /opt/exitkit /opt/exitkit

# No home and no files of credentials that a base or a volume may bring: what exitkit uses, it is given.
# The node's own identity is off too; AWS_EC2_METADATA_DISABLED=false turns it on.
# Two arenas of malloc are enough for threads that wait; glibc's eight a core keep 10 MiB more of what was freed.
# The PYTHON* variables are for images made from this one; exitkit itself runs with -I.
ENV PATH=/opt/exitkit/bin:/usr/local/bin:/usr/bin:/bin \
    HOME=/nonexistent \
    LANG=C.UTF-8 \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONSAFEPATH=1 \
    MALLOC_ARENA_MAX=2 \
    AWS_CONFIG_FILE=/dev/null \
    AWS_SHARED_CREDENTIALS_FILE=/dev/null \
    AWS_EC2_METADATA_DISABLED=true

# A number, because Kubernetes cannot tell whether a name is root.
USER 65532:65532
WORKDIR /
ENTRYPOINT ["/opt/exitkit/bin/exitkit"]
