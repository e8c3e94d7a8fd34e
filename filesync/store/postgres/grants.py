"""Roles for an inventory in PostgreSQL, as SQL that its owner runs: one that syncs, one that reads, and nobody else."""

from filesync.core.errors import UsageError

_LONGEST = 63 - len("_writer")  # bytes: PostgreSQL cuts longer names in silence

_SQL = """\
-- Roles for the inventory in schema {schema}. Run this as the schema's owner, who must be able to create roles, after
-- the first sync has made the schema; and again after an upgrade of filesync that made new tables.
--
--   owner           made the schema, and migrates it
--   {writer}  reads and writes rows: syncs
--   {reader}  reads
--
-- A login gets one of them so:
--   CREATE ROLE name LOGIN PASSWORD '...';
--   GRANT {reader} TO name;

BEGIN;

DO $$
DECLARE
    home regnamespace := to_regnamespace('{quoted}');
    owner name;
    each record;
    stranger text;
BEGIN
    IF home IS NULL THEN
        RAISE EXCEPTION 'there is no schema {schema}: let its owner run filesync sync first';
    END IF;
    SELECT pg_get_userbyid(nspowner) INTO owner FROM pg_namespace WHERE oid = home;

    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{writer}') THEN
        CREATE ROLE {writer} NOLOGIN;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{reader}') THEN
        CREATE ROLE {reader} NOLOGIN;
    END IF;

    -- Nobody else: PUBLIC is everybody, anon and authenticated are those whom Supabase lets in from the network.
    FOR stranger IN
        SELECT 'PUBLIC' UNION ALL SELECT quote_ident(rolname) FROM pg_roles WHERE rolname IN ('anon', 'authenticated')
    LOOP
        EXECUTE format('REVOKE ALL ON SCHEMA {quoted} FROM %s', stranger);
        EXECUTE format('REVOKE ALL ON ALL TABLES IN SCHEMA {quoted} FROM %s', stranger);
        EXECUTE format('REVOKE ALL ON ALL SEQUENCES IN SCHEMA {quoted} FROM %s', stranger);
        EXECUTE format('REVOKE ALL ON ALL FUNCTIONS IN SCHEMA {quoted} FROM %s', stranger);
    END LOOP;

    -- Rows are seen only by whom a policy names; the owner, and with it the views, sees all.
    FOR each IN SELECT relname FROM pg_class WHERE relnamespace = home AND relkind IN ('r', 'p') LOOP
        EXECUTE format('ALTER TABLE {quoted}.%I ENABLE ROW LEVEL SECURITY', each.relname);
        EXECUTE format('DROP POLICY IF EXISTS {writer} ON {quoted}.%I', each.relname);
        EXECUTE format('CREATE POLICY {writer} ON {quoted}.%I FOR ALL TO {writer} USING (true) WITH CHECK (true)',
            each.relname);
        EXECUTE format('DROP POLICY IF EXISTS {reader} ON {quoted}.%I', each.relname);
        EXECUTE format('CREATE POLICY {reader} ON {quoted}.%I FOR SELECT TO {reader} USING (true)', each.relname);
    END LOOP;

    -- What the owner makes one day.
    EXECUTE format('ALTER DEFAULT PRIVILEGES FOR ROLE %I IN SCHEMA {quoted}
        GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {writer}', owner);
    EXECUTE format('ALTER DEFAULT PRIVILEGES FOR ROLE %I IN SCHEMA {quoted}
        GRANT USAGE, SELECT, UPDATE ON SEQUENCES TO {writer}', owner);
    EXECUTE format('ALTER DEFAULT PRIVILEGES FOR ROLE %I IN SCHEMA {quoted}
        GRANT EXECUTE ON FUNCTIONS TO {writer}', owner);
    EXECUTE format('ALTER DEFAULT PRIVILEGES FOR ROLE %I IN SCHEMA {quoted} GRANT SELECT ON TABLES TO {reader}', owner);
END $$;

GRANT USAGE ON SCHEMA {quoted} TO {writer}, {reader};
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {quoted} TO {writer};
GRANT USAGE, SELECT, UPDATE ON ALL SEQUENCES IN SCHEMA {quoted} TO {writer};
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA {quoted} TO {writer};
GRANT SELECT ON ALL TABLES IN SCHEMA {quoted} TO {reader};

COMMIT;
"""


def grants_sql(schema: str) -> str:
    """Write the SQL for a schema, whose name was checked. Raises UsageError: names of its roles would be too long."""
    if len(schema) > _LONGEST:
        raise UsageError(f"--schema: at most {_LONGEST} characters are needed, for the roles have its name in theirs")
    return _SQL.format(schema=schema, quoted=f'"{schema}"', writer=f"{schema}_writer", reader=f"{schema}_reader")
