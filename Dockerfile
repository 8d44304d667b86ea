# Backstop: non-root, without the sandbox, with PostgreSQL's client tools.
# The tools must be at least as new as the newest server: see docs/operations.md.
# The base image has no default: name it with its digest, so that what was looked at is what is built upon.
#   docker build --build-arg PYTHON_IMAGE=python:3.12-slim@sha256:… .
ARG PYTHON_IMAGE

FROM ${PYTHON_IMAGE} AS build
ARG PYTHON_IMAGE
RUN case "${PYTHON_IMAGE}" in \
    *@sha256:*) ;; \
    *) echo "PYTHON_IMAGE has no digest: see docs/operations.md, The image" >&2; exit 1 ;; \
    esac
WORKDIR /src
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/backstop
COPY requirements.lock requirements-build.lock ./
RUN /opt/backstop/bin/pip install --require-hashes -r requirements.lock \
    && python -m venv /opt/build \
    && /opt/build/bin/pip install --require-hashes -r requirements-build.lock
COPY pyproject.toml README.md LICENSE ./
COPY bot ./bot
COPY commands ./commands
COPY sql ./sql
# Nothing is fetched for the build but what the lock names.
RUN /opt/build/bin/pip wheel --no-build-isolation --no-deps --no-index --wheel-dir /dist . \
    && /opt/backstop/bin/pip install --no-deps --no-index /dist/*.whl \
    && ! /opt/backstop/bin/python -I -c "import bot.sandbox" 2>/dev/null

FROM ${PYTHON_IMAGE}
ARG POSTGRESQL_CLIENT=postgresql-client
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ${POSTGRESQL_CLIENT} \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin backstop \
    && install --directory --owner=backstop /var/lib/backstop
COPY --from=build /opt/backstop /opt/backstop
# Relative paths of backstop.toml are taken from here; put your own scripts into, or over, sql/down.
WORKDIR /etc/backstop
COPY sql/down ./sql/down
ENV PATH=/opt/backstop/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 TMPDIR=/var/lib/backstop
USER backstop
EXPOSE 8080
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8080/healthz', timeout=4)"]
ENTRYPOINT ["backstop"]
CMD ["serve"]
