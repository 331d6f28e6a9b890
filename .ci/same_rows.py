"""`same_rows.py FOLDER OTHER`: ends with 1 unless both folders' findings.parquet and flags.parquet hold the same rows in the same order."""

import pathlib
import sys

import duckdb

folder, other = map(pathlib.Path, sys.argv[1:])
for name in ("findings", "flags"):
    paths = [str(where / f"{name}.parquet") for where in (folder, other)]
    columns = [duckdb.read_parquet(path).columns for path in paths]
    if columns[0] != columns[1]:
        sys.exit(f"{name}: the columns differ: {set(columns[0]) ^ set(columns[1])}")
    rows = [duckdb.sql("SELECT COUNT(*) FROM read_parquet($path)", params={"path": path}).fetchone()[0] for path in paths]
    if rows[0] != rows[1] or rows[0] == 0:
        sys.exit(f"{name}: {rows[0]} rows against {rows[1]}")
    for column in columns[0]:
        quoted = '"' + column.replace('"', '""') + '"'
        differ = f"""SELECT COUNT(*), MIN(row) FROM (
            SELECT a.file_row_number AS row FROM read_parquet($a, file_row_number = true) a
            JOIN read_parquet($b, file_row_number = true) b USING (file_row_number)
            WHERE a.{quoted} IS DISTINCT FROM b.{quoted})"""
        count, first = duckdb.sql(differ, params={"a": paths[0], "b": paths[1]}).fetchone()
        if count:
            sys.exit(f"{name}: {count} of {rows[0]} rows differ in {column}, the first is {first}")
    print(f"{name}: {rows[0]} rows of {len(columns[0])} columns, the same")
