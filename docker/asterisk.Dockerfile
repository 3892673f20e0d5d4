# Debian's Asterisk with our configuration. Build from the repository's root: docker/README.md.
ARG DEBIAN=forky
FROM debian:${DEBIAN}
# The suite is in the making where Asterisk is: its index may be past its date.
RUN apt-get -o Acquire::Check-Valid-Until=false update \
    && apt-get install --yes --no-install-recommends asterisk asterisk-core-sounds-en-gsm asterisk-moh-opsound-gsm tzdata \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/* \
    && groupmod --gid 10113 asterisk \
    && usermod --uid 10113 --gid 10113 asterisk \
    && chgrp -R asterisk /etc/asterisk \
    && for folder in lib log spool; do \
        install -d -m 0750 -o asterisk -g asterisk /var/$folder/asterisk && chown -R asterisk:asterisk /var/$folder/asterisk; \
    done \
    && install -d -m 2750 -o asterisk -g asterisk /var/spool/asterisk/recording \
    && install -d -m 2770 -o asterisk -g asterisk /etc/asterisk/pbx112 /usr/share/asterisk/sounds/pbx112 \
    && install -d -m 0750 -o asterisk -g asterisk /run/pbx112-asterisk
COPY dialplan/cdr.conf dialplan/cdr_custom.conf dialplan/extensions.conf dialplan/http.conf dialplan/modules.conf \
    /usr/share/pbx112/
COPY docker/asterisk/entrypoint.sh /usr/local/bin/entrypoint.sh
USER 10113:10113
VOLUME ["/var/lib/asterisk", "/var/log/asterisk", "/var/spool/asterisk/recording"]
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=5s --timeout=3s --start-period=20s --retries=3 \
    CMD ["asterisk", "-C", "/run/pbx112-asterisk/asterisk.conf", "-rx", "core waitfullybooted"]
ENTRYPOINT ["sh", "/usr/local/bin/entrypoint.sh"]
