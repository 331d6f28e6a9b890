"""DuckDB reads the very same store: equal counts and sums, time travel, pruning by statistics, compaction.

    python read_with_duckdb.py DATABASE EXPECTED

DATABASE is the catalogue's as `ATTACH 'ducklake:DATABASE'` names it; EXPECTED is what our own reader sees at every
snapshot, written by the test `duckdb` of this crate, which runs this script with the Python of `.ci/duckdb`.
"""

import json
import pathlib
import sys

import duckdb
from duckdb_extensions import import_extension

database, file = sys.argv[1:]
expected = json.loads(pathlib.Path(file).read_text())
con = duckdb.connect()
for extension in ("ducklake", "sqlite_scanner", "postgres_scanner"):
    import_extension(extension)
    con.execute(f"LOAD {extension}")
con.execute(f"ATTACH 'ducklake:{database}' AS lake (READ_ONLY)")

LIVE = """
    WITH newest AS (SELECT person, source, max(answer) AS answer FROM lake.coverage {at} GROUP BY ALL)
    SELECT count(*), sum(value), min(value) FROM
    (SELECT {value} AS value FROM lake.{dataset} {at} JOIN newest USING (person, source, answer))
"""

checks = 0


def same(what, sql, wanted):
    global checks
    found = con.execute(sql).fetchone()
    assert list(found) == list(wanted), f"{what}: DuckDB {found}, store {wanted}"
    checks += 1


for snapshot in expected["snapshots"]:
    times = [f"AT (VERSION => {snapshot['id']})"]
    # The last one is also what is there without a version.
    times += [""] if snapshot is expected["snapshots"][-1] else []
    for at in times:
        for dataset, columns in snapshot["datasets"].items():
            for column, want in columns.items():
                value = "opened - DATE '1970-01-01'" if column == "opened" else column
                sql = LIVE.format(at=at, dataset=dataset, value=value)
                same(f"{dataset}.{column} {at}", sql, (want["live"], want["sum"], want["least"]))
        same(f"rows {at}", f"SELECT count(*) FROM lake.deposit {at}", [snapshot["every_deposit"]])
        pairs = f"SELECT count(*) FROM (SELECT DISTINCT person, source FROM lake.coverage {at})"
        same(f"outcomes {at}", pairs, [snapshot["outcomes"]])
    moment = f"SELECT CAST(snapshot_time AS VARCHAR) FROM ducklake_snapshots('lake') WHERE snapshot_id = {snapshot['id']}"
    at = f"AT (TIMESTAMP => '{con.execute(moment).fetchone()[0]}')"
    same(f"rows {at}", f"SELECT count(*) FROM lake.deposit {at}", [snapshot["every_deposit"]])

# Filters that DuckDB answers with the catalogue's statistics: on a number, a text, a date, a null.
for where, count in expected["filters"].items():
    same(where, f"SELECT count(*) FROM lake.deposit WHERE {where}", [count])
same("range", "SELECT min(balance), max(balance) FROM lake.deposit", expected["balance_range"])
comment = "SELECT comment LIKE '%fen%' FROM duckdb_columns() WHERE table_name = 'deposit' AND column_name = 'balance'"
same("comment", comment, [True])
last = expected["snapshots"][-1]["id"]
same("snapshots", "SELECT max(snapshot_id) FROM ducklake_snapshots('lake')", [last])
print(f"DuckDB {duckdb.__version__} agrees: {checks} checks over {len(expected['snapshots'])} snapshots")
