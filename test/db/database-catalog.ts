import type pg from 'pg'

/** Describes a database, one sentence per table, column, enum, index and key, without Prisma's table of migrations. */
export async function describeDatabase(client: pg.Client): Promise<string[]> {
  const { rows } = await client.query<{ sentence: string }>(CATALOG)
  return rows.map(({ sentence }) => sentence)
}

/** @see https://www.postgresql.org/docs/18/catalogs.html */
const CATALOG = `
WITH relations AS (
  SELECT oid, relname AS name, relkind AS kind FROM pg_class
  WHERE relnamespace = 'public'::regnamespace AND relkind NOT IN ('i', 'I') AND relname <> '_prisma_migrations'
),
tables AS (SELECT oid, name FROM relations WHERE kind IN ('r', 'p')),
columns AS (
  SELECT t.oid, t.name AS "table", a.attnum, a.attname AS name, a.attnotnull AS required,
    CASE WHEN y.typtype = 'e' THEN 'enum ' || y.typname ELSE format_type(a.atttypid, a.atttypmod) END AS type,
    pg_get_expr(d.adbin, d.adrelid) AS "default"
  FROM tables t
  JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped
  JOIN pg_type y ON y.oid = a.atttypid
  LEFT JOIN pg_attrdef d ON d.adrelid = t.oid AND d.adnum = a.attnum
),
indexes AS (
  SELECT i.*, x.relname AS name, t.name AS "table", pg_get_expr(i.indpred, i.indrelid) AS condition,
    (SELECT string_agg(pg_get_indexdef(i.indexrelid, n, false) || CASE WHEN i.indoption[n - 1] & 1 = 1 THEN ' desc' ELSE '' END,
        ', ' ORDER BY n)
      FROM generate_series(1, i.indnkeyatts) n) AS columns
  FROM tables t
  JOIN pg_index i ON i.indrelid = t.oid
  JOIN pg_class x ON x.oid = i.indexrelid
)
SELECT CASE kind WHEN 'r' THEN 'table ' WHEN 'S' THEN 'sequence ' ELSE 'relation ' END || name AS sentence FROM relations
UNION ALL
SELECT concat_ws(' ', "table" || '.' || name, type, CASE WHEN required THEN 'not null' END, 'default ' || "default") FROM columns
UNION ALL
SELECT format('enum %s: %s', y.typname, string_agg(e.enumlabel, ', ' ORDER BY e.enumsortorder))
FROM pg_type y JOIN pg_enum e ON e.enumtypid = y.oid
WHERE y.typnamespace = 'public'::regnamespace GROUP BY y.typname
UNION ALL
SELECT replace(CASE
  WHEN indisprimary THEN format('primary key %s (%s)', name, columns)
  ELSE format('%sindex %s on %s (%s)%s', CASE WHEN indisunique THEN 'unique ' ELSE '' END, name, "table", columns, ' where ' || condition)
  END, '"', '')
FROM indexes
UNION ALL
SELECT format('foreign key %s (%s) to %s (%s) on delete %s on update %s', c.conname,
  (SELECT string_agg(name, ', ' ORDER BY array_position(c.conkey, attnum)) FROM columns WHERE oid = c.conrelid AND attnum = ANY (c.conkey)),
  (SELECT name FROM tables WHERE oid = c.confrelid),
  (SELECT string_agg(name, ', ' ORDER BY array_position(c.confkey, attnum)) FROM columns WHERE oid = c.confrelid AND attnum = ANY (c.confkey)),
  actions ->> c.confdeltype::text, actions ->> c.confupdtype::text)
FROM pg_constraint c
JOIN tables t ON t.oid = c.conrelid,
  jsonb_build_object('a', 'no action', 'r', 'restrict', 'c', 'cascade', 'n', 'set null', 'd', 'set default') AS actions
WHERE c.contype = 'f'
UNION ALL
SELECT format('constraint %s on %s: %s', c.conname, t.name, pg_get_constraintdef(c.oid))
FROM pg_constraint c JOIN tables t ON t.oid = c.conrelid
WHERE c.contype NOT IN ('f', 'p', 'u', 'n')`
