-- Right after a large load or a restore, before Postgres has analysed the tables anew, it takes a month for a handful of rows and
-- compares each call with each recording: 9 minutes instead of half a second for 74,520 calls. Without such nested loops it
-- hashes, as it does anyway where it knows better. The figures are the same.
ALTER FUNCTION pbx112.kpi(timestamptz, timestamptz) SET enable_nestloop = off;
