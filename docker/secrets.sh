#!/bin/sh
# Makes the secrets that are missing, each a file that its owner alone reads. Run again, it changes nothing.
set -eu
umask 077
cd "$(dirname "$0")/secrets"
for name in pbx112_ari_password pbx112_ami_password pbx112_database_password postgres_password grafana_password; do
    [ -s "$name" ] || openssl rand -hex 24 > "$name"
done
# How to reach Postgres, as the service and, to make tables, as its owner.
[ -s pbx112_dsn ] || printf 'postgresql://pbx112:%s@127.0.0.1/pbx112\n' "$(cat pbx112_database_password)" > pbx112_dsn
[ -s pbx112_owner_dsn ] || printf 'postgresql://postgres:%s@127.0.0.1/pbx112\n' "$(cat postgres_password)" > pbx112_owner_dsn
# Who is told when something is amiss (service alarms).
[ -e alarms.conf ] || printf '# One address on each line, as in deploy/alarms.conf.\n' > alarms.conf
# Read inside the containers by these numbers: ours (docker/*.Dockerfile), and 999, postgres in its image.
if [ "$(id -u)" = 0 ]; then
    chown 10112:10113 pbx112_dsn pbx112_owner_dsn
    chown 10112:10113 pbx112_ari_password pbx112_ami_password alarms.conf
    chmod 0640 pbx112_ari_password pbx112_ami_password
    chown 999:999 postgres_password pbx112_database_password grafana_password
fi
