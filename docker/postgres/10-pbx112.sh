#!/bin/sh
# Once, with an empty volume: the service's account, which may add records and read them, and Grafana's, which may look at
# masked ones.
set -eu
IFS= read -r service < /run/secrets/pbx112_database_password
IFS= read -r grafana < /run/secrets/grafana_password
psql --set=ON_ERROR_STOP=1 --username="$POSTGRES_USER" --dbname="$POSTGRES_DB" << EOF
CREATE ROLE pbx112_writer NOLOGIN;
CREATE ROLE pbx112_auditor NOLOGIN;
CREATE ROLE pbx112 LOGIN PASSWORD '$service' IN ROLE pbx112_writer;
CREATE ROLE grafana LOGIN PASSWORD '$grafana' IN ROLE pbx112_auditor;
EOF
