"""Runs a script that `hedui cluster sql --dialect duckdb` printed, in DuckDB.

Usage: sql_duckdb.py SCRIPT THREADS [KNOWN]. With KNOWN, also writes there which cases are known (in known mode: of these the
results are the batch's). The last line names the statements that took most CPU, for whoever tunes them.
"""

import resource
import sys

import duckdb


def cpu():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def main():
    script, threads = sys.argv[1], int(sys.argv[2])
    connection = duckdb.connect(config={"threads": threads})
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
    print("; ".join(f"{seconds:.2f} s {name}" for seconds, name in sorted(spent, reverse=True)[:6]))


main()
