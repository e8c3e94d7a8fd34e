# filesync in a container: docs/how-to/deploy.md says how it is run, docs/contributing/decisions.md why it is built like this.
# The tag moves with Python's and Debian's fixes: build again, with --pull, to get them. To pin it for good:
# --build-arg PYTHON=3.13-slim-bookworm@sha256:...
ARG PYTHON=3.13-slim-bookworm

FROM python:${PYTHON} AS build
WORKDIR /src
COPY pyproject.toml setup.py README.md LICENSE requirements.lock OAUTH_SETUP.md env.example crontab.example ./
COPY config/connector.example.yaml config/connector.schema.json config/
COPY filesync filesync
# Every file that is downloaded has the hash in requirements.lock, those that build included. Of Google's 110 MB of
# discovery documents one is used.
RUN python -m venv /opt/filesync \
    && /opt/filesync/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes -r requirements.lock \
    && /opt/filesync/bin/pip install --no-cache-dir --disable-pip-version-check --no-deps --no-build-isolation . \
    && /opt/filesync/bin/pip uninstall --yes setuptools \
    && find /opt/filesync -path '*/discovery_cache/documents/*.json' ! -name drive.v3.json -delete

FROM python:${PYTHON}
RUN apt-get update \
    && apt-get install --yes --no-install-recommends 'tini=0.19.*' \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --gid 10001 filesync \
    && useradd --uid 10001 --gid 10001 --home-dir /srv/filesync --no-create-home --shell /usr/sbin/nologin filesync \
    && install -d -o 10001 -g 10001 -m 0750 /srv/filesync /srv/filesync/config /srv/filesync/data /srv/filesync/logs \
    && install -d -o 10001 -g 10001 -m 0700 /srv/filesync/tokens /srv/filesync/credentials
COPY --from=build /opt/filesync /opt/filesync
# SQLite sorts in temporary files: where the root is read-only it needs a place for them.
ENV PATH=/opt/filesync/bin:$PATH \
    FILESYNC_HOME=/srv/filesync \
    SQLITE_TMPDIR=/srv/filesync/data \
    PYTHONDONTWRITEBYTECODE=1
WORKDIR /srv/filesync
USER 10001:10001
# Healthy: the configuration is right and the database answers. That an endpoint fails makes no container unhealthy, for
# no restart mends it (decision 66); `status --check`, /metrics and notify: tell of that.
HEALTHCHECK --interval=2m --timeout=20s --start-period=1m --retries=3 CMD ["filesync", "status"]
ENTRYPOINT ["tini", "--", "filesync"]
CMD ["loop", "--serve-health", "--host", "0.0.0.0"]
