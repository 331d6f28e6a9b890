"""Reads the columns that a pack needs from a store's files, and does nothing with them: the floor, by polars.

Usage: scan_polars.py DATA NEEDED.json (threads by POLARS_MAX_THREADS). File after file, so that memory stays small.
"""

import json
import pathlib
import sys

import polars

data, needed = pathlib.Path(sys.argv[1]), json.load(open(sys.argv[2]))
tables = {name: ["person", "source", "answer", *columns] for name, columns in needed.items()}
tables["coverage"] = ["person", "source", "outcome", "answer"]
tables["cases"] = tables["people"] = None
rows = 0
for table, columns in tables.items():
    for file in sorted((data / "store" / table).glob("*.parquet")):
        rows += polars.read_parquet(file, columns=columns, use_statistics=False).height
print(rows)
