"""Runs jobs of SQL in DuckDB: reads JSON lines `{"statements": [..], "outputs": [..]}`, writes one line for each.

A line of the answer is `{"outputs": [{"columns": [..], "rows": [..]}, ..]}` or `{"error": "..", "statement": ".."}`.
"""

import datetime
import json
import sys
import threading

import duckdb

# No job of these small worlds takes this long: one that does has gone wrong, and must not go on for ever.
SECONDS = 900


def plain(value):
    if isinstance(value, datetime.datetime):
        return value.isoformat(sep=" ")
    if isinstance(value, datetime.date):
        return value.isoformat()
    return value


def run(job):
    connection = duckdb.connect(":memory:", config={"threads": 1})
    statement = ""
    timer = threading.Timer(SECONDS, connection.interrupt)
    timer.daemon = True
    timer.start()
    try:
        for statement in job["statements"]:
            connection.execute(statement)
        outputs = []
        for statement in job["outputs"]:
            result = connection.execute(statement)
            columns = [column[0] for column in result.description]
            rows = [[plain(value) for value in row] for row in result.fetchall()]
            outputs.append({"columns": columns, "rows": rows})
        return {"outputs": outputs}
    except Exception as error:  # whatever the engine says is the answer
        return {"error": str(error), "statement": statement}
    finally:
        timer.cancel()
        connection.close()


def main():
    with open(sys.argv[1], encoding="utf-8") as jobs, open(sys.argv[2], "w", encoding="utf-8") as answers:
        for line in jobs:
            print(json.dumps(run(json.loads(line)), ensure_ascii=False), file=answers)


main()
