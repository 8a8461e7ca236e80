-- Lengths are known without reading the data.
SELECT (coalesce((SELECT sum(octet_length(data)) FROM segments), 0)
      + coalesce((SELECT sum(pg_total_relation_size(class.oid)) FROM pg_class AS class
                  WHERE class.relnamespace = current_schema()::regnamespace AND class.relkind = 'r'
                    AND class.relname <> 'segments'), 0))::int8
