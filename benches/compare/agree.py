"""Compares what two engines wrote for the same cases: every value of every finding, and every flag with its evidence.

Usage: agree.py OURS THEIRS [KNOWN]. OURS and THEIRS are folders with findings.parquet and flags.parquet; KNOWN names the only
cases to compare. Prints what was compared; ends with 1 and says where, if anything differs.
"""

import sys

import duckdb

ours, theirs = sys.argv[1], sys.argv[2]
con = duckdb.connect()
for side, folder in (("ours", ours), ("theirs", theirs)):
    for name in ("findings", "flags"):
        con.execute(f"CREATE VIEW all_{side}_{name} AS FROM '{folder}/{name}.parquet'")
if len(sys.argv) > 3:
    con.execute(f"CREATE TABLE known AS SELECT \"case\" FROM '{sys.argv[3]}'")
else:
    con.execute('CREATE TABLE known AS SELECT "case" FROM all_ours_findings')
for side in ("ours", "theirs"):
    for name in ("findings", "flags"):
        con.execute(f'CREATE TABLE {side}_{name} AS FROM all_{side}_{name} SEMI JOIN known USING ("case")')

# The moment of the snapshot is the same, but engines write moments in their own ways.
columns = [row[0] for row in con.execute("DESCRIBE ours_findings").fetchall() if row[0] != "known_at"]
missing = set(columns) - {row[0] for row in con.execute("DESCRIBE theirs_findings").fetchall()}
wrong = [f"no column {column}" for column in sorted(missing)]
alone = con.execute(
    'SELECT count(*) FROM ours_findings o FULL JOIN theirs_findings t USING ("case") WHERE o.area IS NULL OR t.area IS NULL'
).fetchone()[0]
if alone:
    wrong.append(f"{alone} cases are on one side only")
shared = [column for column in columns if column not in missing]
differ = ", ".join(f'count(*) FILTER (WHERE o."{c}" IS DISTINCT FROM t."{c}")' for c in shared)
counts = con.execute(f'SELECT count(*), {differ} FROM ours_findings o JOIN theirs_findings t USING ("case")').fetchone()
wrong += [f"{column}: {count} cases differ" for column, count in zip(shared, counts[1:], strict=True) if count]
of_flag = '"case", person, flag, severity, follow_up, declared, found, difference, evidence'
for one, other in (("ours", "theirs"), ("theirs", "ours")):
    query = f"SELECT count(*) FROM (SELECT {of_flag} FROM {one}_flags EXCEPT ALL SELECT {of_flag} FROM {other}_flags)"
    if extra := con.execute(query).fetchone()[0]:
        wrong.append(f"{extra} flags are in {one} only")
flags = con.execute("SELECT count(*) FROM ours_flags").fetchone()[0]
cases = con.execute("SELECT count(*) FROM all_ours_findings").fetchone()[0]
if wrong:
    print("\n".join(wrong))
    sys.exit(1)
print(f"equal: {counts[0]} of {cases} cases, {len(shared)} values each, and their {flags} flags with evidence")
