# The daemon and every command of pbx112. Build from the repository's root: docker/README.md.
ARG DEBIAN=trixie
FROM debian:${DEBIAN} AS build
RUN apt-get update && apt-get install --yes --no-install-recommends ca-certificates python3-venv
WORKDIR /src
# Given where the way out leads through a proxy with a certificate of its own: a file that is mounted for the build.
ARG PIP_CERT
COPY constraints.txt ./
# Every package as pinned, with its hash; from these files, and no others, is then installed what the service needs.
RUN python3 -m venv /tmp/pip \
    && /tmp/pip/bin/pip download --quiet --require-hashes --only-binary :all: --dest /wheels -r constraints.txt
COPY pyproject.toml README.md LICENSE ./
COPY sql sql
COPY deploy deploy
COPY pbx112 pbx112
RUN python3 -m venv /opt/pbx112 \
    && /opt/pbx112/bin/pip install --quiet --no-index --find-links /wheels --no-compile --compile '.[alarms]' \
    && /opt/pbx112/bin/pip uninstall --quiet --yes pip

FROM debian:${DEBIAN}
# Asterisk's group has the same number in both images: its records of the fallback, and recordings, are read here.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends espeak-ng python3 tzdata \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/* \
    && groupadd --gid 10113 asterisk \
    && useradd --uid 10112 --gid 10113 --home-dir /var/lib/pbx112 --no-create-home --shell /usr/sbin/nologin pbx112 \
    && install -d -m 0700 -o 10112 -g 10113 /var/lib/pbx112 \
    && install -d -m 2770 -o 10112 -g 10113 /etc/asterisk/pbx112 /usr/share/asterisk/sounds/pbx112
COPY --from=build /opt/pbx112 /opt/pbx112
ENV PATH=/opt/pbx112/bin:/usr/bin:/bin \
    PYTHONDONTWRITEBYTECODE=1 \
    PBX112_AGENCIES=/etc/pbx112/agencies.yaml \
    PBX112_DIALPLAN=/etc/asterisk/pbx112/pbx112.conf
USER 10112:10113
VOLUME /var/lib/pbx112
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=5s --timeout=3s --start-period=20s --retries=3 \
    CMD ["python3", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:9112/healthz', timeout=2)"]
ENTRYPOINT ["pbx112"]
CMD ["run"]
