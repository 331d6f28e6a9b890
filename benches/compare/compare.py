#!/usr/bin/env python3
"""hedui beside its peers on the same data, in one run: prints a table of medians and spreads, and keeps the figures as JSON.

    cargo build --release --workspace --bins --examples
    target/release/hedui sim city --direct --out big --households 1000000
    python3 benches/compare/compare.py --data big/data --target target/release

What is compared:
- over a data folder: `hedui batch`; the same pack as SQL in DuckDB over the same files; and the floor beneath both, a bare scan of the
  columns the pack needs, by DuckDB and by polars. Before anything is measured, the results of DuckDB and hedui are compared on every
  household of which all sources have answered: a difference ends the run;
- one household at a time by small rules (`small/rules.md`): hedui in its own process, ZEN, OpenFisca; all must agree first.

Peers come from PyPI into an environment of their own under ${HEDUI_TOOLS:-~/.cache/hedui-tools}. CPU and memory are those of whole processes
(`wait4`), start included. Runs take turns, so that a busy minute hits all alike; runs where hedui loses stay in.
"""

import argparse
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
SMALL = HERE / "small"
PEERS = ["duckdb==1.5.5", "polars==1.42.1", "openfisca-core==46.0.1", "zen-engine==2.1.3"]


def tools():
    """The Python of an environment with the peers; made on first use."""
    root = pathlib.Path(os.environ.get("HEDUI_TOOLS", pathlib.Path.home() / ".cache/hedui-tools"))
    home = root / "compare"
    mark = home / "peers.txt"
    python = home / "bin/python"
    if not mark.exists() or mark.read_text().split() != PEERS:
        subprocess.run([sys.executable, "-m", "venv", "--clear", home], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *PEERS], check=True)
        mark.write_text("\n".join(PEERS))
    return python


def measured(command, **more):
    """Runs a command: CPU seconds, wall seconds, peak MB, and what it printed."""
    with tempfile.TemporaryFile() as out:
        began = time.monotonic()
        child = subprocess.Popen([str(c) for c in command], stdout=out, **more)
        _, status, usage = os.wait4(child.pid, 0)
        wall = time.monotonic() - began
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode not in (0, 1):
            raise SystemExit(f"{command[0]} ended with {child.returncode}")
        out.seek(0)
        said = out.read().decode()
    return {
        "cpu": usage.ru_utime + usage.ru_stime, "wall": wall, "peak_mb": usage.ru_maxrss / 1024, "said": said,
    }


def spread(values):
    return f"{statistics.median(values):.2f} ({min(values):.2f}-{max(values):.2f})"


def batches(args, python, scratch):
    """Peers over the data folder: name -> command for a number of threads."""
    needed = scratch / "needed.json"
    needed.write_text(subprocess.run([args.target / "examples/needed_columns", args.pack], check=True, capture_output=True, text=True).stdout)
    hedui = args.target / "hedui"

    script = scratch / "rival.sql"
    as_sql = [hedui, "cluster", "sql", "--data", args.data, "--as-of", args.as_of, "--dialect", "duckdb", "--mode", "known"]
    (scratch / "duckdb").mkdir()
    script.write_text(subprocess.run([*as_sql, "--out", scratch / "duckdb"], check=True, capture_output=True, text=True).stdout)

    def threads(count):
        return {**os.environ, "POLARS_MAX_THREADS": str(count)}

    peers = {
        "bare scan, DuckDB": lambda n: ([python, HERE / "scan_duckdb.py", args.data, needed, n], {}),
        "bare scan, polars": lambda n: ([python, HERE / "scan_polars.py", args.data, needed], {"env": threads(n)}),
        "hedui batch": lambda n: (
            [hedui, "batch", "--quiet", "--data", args.data, "--as-of", args.as_of, "--threads", n, "--out", scratch / "hedui"],
            {},
        ),
        "DuckDB, all known": lambda n: ([python, HERE / "sql_duckdb.py", script, n], {}),
    }
    agree(python, peers, script, scratch)
    return peers


def agree(python, peers, script, scratch):
    """Ends the run if hedui and DuckDB differ on a household of which everything is known."""
    measured(peers["hedui batch"](os.cpu_count() or 1)[0])
    known = scratch / "known.parquet"
    measured([python, HERE / "sql_duckdb.py", script, os.cpu_count() or 1, known])
    done = subprocess.run([python, HERE / "agree.py", scratch / "hedui", scratch / "duckdb", known], capture_output=True, text=True)
    print(f"\nhedui and DuckDB: {done.stdout.strip() or done.stderr.strip()}")
    if done.returncode != 0:
        raise SystemExit("hedui and DuckDB differ: one of them is wrong")


def compare_batches(args, python, report):
    with tempfile.TemporaryDirectory() as scratch:
        peers = batches(args, python, pathlib.Path(scratch))
        for count in args.threads:
            runs = {name: [] for name in peers}
            for turn in range(args.repeats + 1):
                for name, command in peers.items():
                    line, more = command(count)
                    run = measured(line, **more)
                    # The first turn warms the page cache for everybody.
                    if turn > 0:
                        runs[name].append(run)
            floor = min(statistics.median(r["cpu"] for r in runs[n]) for n in runs if n.startswith("bare scan"))
            print(f"\n{count} thread(s), {args.repeats} runs each: median (least-most)")
            print(f"  {'':<26} {'CPU s':>22} {'wall s':>22} {'peak MB':>9} {'x bare scan':>12}")
            for name, all_runs in runs.items():
                cpu = [r["cpu"] for r in all_runs]
                print(
                    f"  {name:<26} {spread(cpu):>22} {spread([r['wall'] for r in all_runs]):>22} "
                    f"{max(r['peak_mb'] for r in all_runs):>9.0f} {statistics.median(cpu) / floor:>12.2f}"
                )
            report[f"threads_{count}"] = {
                name: [{k: v for k, v in run.items() if k != "said"} for run in all_runs] for name, all_runs in runs.items()
            }


def compare_small(args, python, report):
    sys.path.insert(0, str(SMALL))
    from households import expected, household

    homes = [household(seed) for seed in range(args.small)]
    wanted = [expected(home) for home in homes]
    peers = {
        "hedui": ([args.target / "examples/small_rules", "5"], json.dumps(homes)),
        "ZEN": ([python, SMALL / "zen_peer.py", str(args.small), "5"], None),
        "OpenFisca": ([python, SMALL / "openfisca_peer.py", str(args.small), "1"], None),
    }
    print(f"\none household by small rules, {args.small} households, microseconds")
    print(f"  {'':<12} {'p50':>10} {'p99':>10} {'x hedui':>9}")
    base = None
    for name, (command, given) in peers.items():
        done = subprocess.run([str(c) for c in command], input=given, check=True, capture_output=True, text=True)
        found = json.loads(done.stdout)
        wrong = sum(a != b for a, b in zip(found["results"], wanted, strict=True))
        if wrong:
            raise SystemExit(f"{name} differs on {wrong} of {args.small} households")
        times = found["microseconds"]
        p50, p99 = times[len(times) // 2], times[len(times) * 99 // 100]
        base = base or p50
        more = f"   {found['together']:.1f} a household with all of them in one simulation" if "together" in found else ""
        print(f"  {name:<12} {p50:>10.1f} {p99:>10.1f} {p50 / base:>9.1f}{more}")
        report[f"small_{name}"] = {"p50": p50, "p99": p99, "together": found.get("together")}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=pathlib.Path, help="data folder; without it only the small rules are compared")
    parser.add_argument("--target", type=pathlib.Path, default=pathlib.Path("target/release"), help="where hedui and the examples were built")
    parser.add_argument("--as-of", default="2026-06-30")
    parser.add_argument("--pack", default="zhenjiang")
    parser.add_argument("--threads", type=lambda text: [int(n) for n in text.split(",")], default=[1, os.cpu_count() or 1])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--small", type=int, default=200, help="households of the small comparison")
    parser.add_argument("--out", type=pathlib.Path, help="file for all figures as JSON")
    args = parser.parse_args()
    args.target = args.target.resolve()
    python = tools()
    print(f"{platform.machine()}, {os.cpu_count()} cores; {', '.join(PEERS)}; load {os.getloadavg()[0]:.1f} at the start")
    report = {"peers": PEERS, "cores": os.cpu_count(), "load": os.getloadavg()[0]}
    if args.data:
        compare_batches(args, python, report)
    compare_small(args, python, report)
    if args.out:
        args.out.write_text(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
