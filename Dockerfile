# exitkit with its locked dependencies, for a user without rights on a read-only root: an interpreter, its libraries,
# and bytecode. No shell, no package manager.
#
# BASE is a tag, so that it can be read, with its whole name, which podman and buildah want. To pin the bytes as well,
# give the digest that `docker buildx imagetools inspect` shows: --build-arg BASE=docker.io/library/python@sha256:...
# Any Debian with CPython 3.11 to 3.14 and pip will do; what the image keeps of it is what image/rootfs.py takes.
# Plain instructions only, so that older builders take it too.
ARG BASE=docker.io/library/python:3.13.12-slim-trixie

FROM ${BASE} AS build
WORKDIR /src
# The same sources make the same bytes: no times, no order that hangs on a hash.
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore \
    PYTHONDONTWRITEBYTECODE=1 PYTHONHASHSEED=0 SOURCE_DATE_EPOCH=315532800

# First what changes seldom: the dependencies, each with its hash, and none built from source.
# LOCK=full has DuckDB as well, for process.query, and resvg, for timelines as PNG.
ARG LOCK=core
COPY requirements/${LOCK}.lock requirements/build.lock requirements/
RUN python -m venv --without-pip /opt/exitkit \
 && python -m pip --python /opt/exitkit/bin/python install \
      --require-hashes --only-binary :all: --no-deps --no-compile -r requirements/${LOCK}.lock \
 && python -m pip install --require-hashes --only-binary :all: --no-deps -r requirements/build.lock

# Then what is no part of a run goes. AWS_SERVICES names services of AWS, or `all`, that plugins need botocore to know.
ARG AWS_SERVICES=
COPY image image
RUN python image/prune.py /opt/exitkit ${AWS_SERVICES} \
 && python image/bytecode.py /opt/exitkit /opt/exitkit \
 && python image/rootfs.py /image /opt/exitkit \
 && python image/bytecode.py /image /

# Last exitkit itself, beside them, so that a new release is a small layer. -I keeps the folder that the command is
# called in, and PYTHON* variables, out of it.
COPY pyproject.toml README.md LICENSE ./
COPY exitkit exitkit
RUN python -m pip wheel --no-index --no-deps --no-build-isolation --wheel-dir dist . \
 && python -m pip --python /opt/exitkit/bin/python install --no-index --no-deps --no-compile \
      --prefix /own/opt/exitkit dist/argo_exitkit-*.whl \
 && rm -rf /own/opt/exitkit/lib/*/site-packages/exitkit/testing \
 && printf '#!/opt/exitkit/bin/python -I\nfrom exitkit.__main__ import main\n\nmain()\n' >/own/opt/exitkit/bin/exitkit \
 && python image/bytecode.py /own / \
 && python image/sbom.py /image /own /opt/exitkit/lib/*/site-packages /own/opt/exitkit/lib/*/site-packages \
 && chmod -R a+rX,go-w /image /opt/exitkit /own && chmod 1777 /image/tmp \
 && find /image /opt/exitkit /own -exec touch -h -d @0 {} +

FROM scratch
COPY --from=build /image /
COPY --from=build /opt/exitkit /opt/exitkit
COPY --from=build /own /

# No home and no files of credentials that a base or a volume may bring: what exitkit uses, it is given.
# The node's own identity is off too; AWS_EC2_METADATA_DISABLED=false turns it on.
# Two arenas of malloc are enough for threads that wait; glibc's eight a core keep 10 MiB more of what was freed.
# The PYTHON* variables are for images made from this one; exitkit itself runs with -I.
ENV PATH=/opt/exitkit/bin:/usr/local/bin:/usr/bin:/bin \
    HOME=/nonexistent \
    LANG=C.UTF-8 \
    SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONSAFEPATH=1 \
    MALLOC_ARENA_MAX=2 \
    AWS_CONFIG_FILE=/dev/null \
    AWS_SHARED_CREDENTIALS_FILE=/dev/null \
    AWS_EC2_METADATA_DISABLED=true

ARG VERSION=
ARG REVISION=
ARG CREATED=
LABEL org.opencontainers.image.title="exitkit" \
      org.opencontainers.image.description="What should happen when an Argo workflow ends: tell people, clean up, ship the logs, report." \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}"

# A number, because Kubernetes cannot tell whether a name is root.
USER 65532:65532
WORKDIR /
ENTRYPOINT ["/opt/exitkit/bin/exitkit"]
