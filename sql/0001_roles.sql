-- Roles belong to the whole server, so they may be there already, and not every account may make them.
-- Where one cannot be made, the records work all the same; the notice says what an administrator may add later.
DO $$
DECLARE
    wanted text;
BEGIN
    FOREACH wanted IN ARRAY ARRAY['pbx112_owner', 'pbx112_writer', 'pbx112_auditor'] LOOP
        IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = wanted) THEN
            BEGIN
                EXECUTE format('CREATE ROLE %I NOLOGIN', wanted);
                RAISE NOTICE 'role % created', wanted;
            EXCEPTION
                WHEN insufficient_privilege THEN
                    RAISE NOTICE 'role % is missing and % may not create it; a superuser can: CREATE ROLE % NOLOGIN',
                        wanted, current_user, wanted;
                WHEN duplicate_object OR unique_violation THEN
                    NULL; -- another database of this server was migrated at the same moment
            END;
        END IF;
    END LOOP;
END
$$;
