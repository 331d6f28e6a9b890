"""DuckDB reads the very same store: equal counts, time travel, pruning by statistics, compaction.

Not part of the test suite yet. To run it:

    python3 -m venv /tmp/duckdb
    /tmp/duckdb/bin/pip install duckdb==1.5.5 duckdb-extensions duckdb-extension-ducklake duckdb-extension-sqlite-scanner
    HEDUI_KEEP_STORE=/tmp/kept cargo test -p hedui-store --test it keeps_a_store
    /tmp/duckdb/bin/python crates/store/tests/read_with_duckdb.py /tmp/kept

The test `keeps_a_store` writes a store and, in `expected.json`, what its own reader sees at every snapshot.
"""

import json
import pathlib
import sys

import duckdb
from duckdb_extensions import import_extension

folder = pathlib.Path(sys.argv[1])
expected = json.loads((folder / "expected.json").read_text())
for extension in ("ducklake", "sqlite_scanner"):
    import_extension(extension)
con = duckdb.connect()
con.execute("LOAD ducklake")
con.execute("LOAD sqlite_scanner")
con.execute(f"ATTACH 'ducklake:sqlite:{folder}/hedui.db' AS lake (DATA_PATH '{folder}/store/', READ_ONLY)")

LIVE = """
    WITH newest AS (SELECT person, source, max(answer) AS answer FROM lake.coverage {at} GROUP BY ALL)
    SELECT count(*), coalesce(sum(balance), 0), coalesce(min(opened), DATE '1970-01-01') - DATE '1970-01-01'
    FROM lake.deposit {at} JOIN newest USING (person, source, answer)
"""


def one(sql):
    return con.execute(sql).fetchone()


checks = 0
for snapshot in expected["snapshots"]:
    at = f"AT (VERSION => {snapshot['id']})"
    found = one(LIVE.format(at=at))
    wanted = (snapshot["live"], snapshot["balance"], snapshot["first_opened"])
    assert found == wanted, f"snapshot {snapshot['id']}: DuckDB {found}, store {wanted}"
    every = one(f"SELECT count(*) FROM lake.deposit {at}")[0]
    assert every == snapshot["rows"], f"snapshot {snapshot['id']}: {every} rows, expected {snapshot['rows']}"
    checks += 2

# Filters that DuckDB answers with the catalogue's statistics: on a number, a text, a date, a null.
for where, count in expected["filters"].items():
    found = one(f"SELECT count(*) FROM lake.deposit WHERE {where}")[0]
    assert found == count, f"{where}: DuckDB {found}, store {count}"
    checks += 1

low, high = one("SELECT min(balance), max(balance) FROM lake.deposit")
assert [low, high] == expected["balance_range"], (low, high)
comment = one("SELECT comment FROM duckdb_columns() WHERE table_name = 'deposit' AND column_name = 'balance'")[0]
assert "fen" in comment, comment
snapshots = one("SELECT count(*), max(snapshot_id) FROM ducklake_snapshots('lake')")
assert snapshots[1] == expected["snapshots"][-1]["id"], snapshots
print(f"DuckDB {duckdb.__version__} agrees: {checks + 3} checks over {len(expected['snapshots'])} snapshots")
