"""Reads the columns that a pack needs from a store's files, and does nothing with them: the floor, by DuckDB.

Usage: scan_duckdb.py DATA NEEDED.json THREADS. Each column is decoded and counted; superseded answers are read too.
"""

import json
import pathlib
import sys

import duckdb

data, needed, threads = pathlib.Path(sys.argv[1]), json.load(open(sys.argv[2])), int(sys.argv[3])
con = duckdb.connect(config={"threads": threads})
tables = {name: ["person", "source", "answer", *columns] for name, columns in needed.items()}
tables["coverage"] = ["person", "source", "outcome", "answer"]
rows = 0
for table, columns in tables.items():
    if not any((data / "store" / table).glob("*.parquet")):
        continue
    # MIN makes every value be looked at; COUNT alone is answered by the footers.
    counted = ", ".join(f'min("{column}"), count("{column}")' for column in columns)
    files = data / "store" / table / "*.parquet"
    rows += con.execute(f"SELECT count(*), {counted} FROM read_parquet('{files}')").fetchone()[0]
for table in ("cases", "people"):
    files = data / "store" / table / "*.parquet"
    if any((data / "store" / table).glob("*.parquet")):
        rows += con.execute(f"SELECT count(*), min(COLUMNS(*)) FROM read_parquet('{files}')").fetchone()[0]
print(rows)
