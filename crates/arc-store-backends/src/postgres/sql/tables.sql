-- For each table but `segments`: its blocks, its bytes with values kept apart, those with indexes too, and what a row takes:
-- header, place in the block and columns as they are stored. Sizes are known without reading the data.
SELECT format('%I', class.relname), pg_relation_size(class.oid) / current_setting('block_size')::int8,
       pg_table_size(class.oid), pg_total_relation_size(class.oid),
       (SELECT '28 + ' || string_agg(format('coalesce(pg_column_size(%I), 0)', attname), ' + ')
        FROM pg_attribute WHERE attrelid = class.oid AND attnum > 0 AND NOT attisdropped)
FROM pg_class AS class
WHERE class.relnamespace = current_schema()::regnamespace AND class.relkind = 'r' AND class.relname <> 'segments'
  AND has_table_privilege(class.oid, 'SELECT')
ORDER BY class.relname
