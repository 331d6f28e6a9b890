"""Runs a script that `hedui cluster sql --dialect duckdb` printed, in DuckDB.

Usage: sql_duckdb.py SCRIPT THREADS [KNOWN]. What does not fit in DUCKDB_MEMORY (12GB) goes to a temporary folder. With KNOWN,
also writes there which cases are known (in known mode: of these the results are the batch's). The last line names the
statements that took most CPU, for whoever tunes them.
"""

import os
import resource
import sys
import tempfile

import duckdb


def cpu():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def main():
    script, threads = sys.argv[1], int(sys.argv[2])
    spill = tempfile.TemporaryDirectory()
    config = {
        "threads": threads,
        # The results are ordered at the end; on the way no order matters.
        "preserve_insertion_order": False,
        "memory_limit": os.environ.get("DUCKDB_MEMORY", "12GB"),
        "temp_directory": spill.name,
    }
    connection = duckdb.connect(config=config)
    text = open(script, encoding="utf-8").read()
    spent = []
    for statement in connection.extract_statements(text):
        before = cpu()
        connection.execute(statement)
        words = [line for line in statement.query.splitlines() if not line.startswith("--") and line.strip()]
        spent.append((cpu() - before, words[0] if words else ""))
    if len(sys.argv) > 3:
        known = "SELECT c.case_id AS \"case\" FROM known_cases k JOIN cases c ON c.case_row = k.case_row"
        connection.execute(f"COPY ({known}) TO '{sys.argv[3]}' (FORMAT parquet)")
    connection.close()
    spill.cleanup()
    print("; ".join(f"{seconds:.2f} s {name}" for seconds, name in sorted(spent, reverse=True)[:6]))


main()
