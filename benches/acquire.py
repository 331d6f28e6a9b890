#!/usr/bin/env python3
"""Acquires a whole invented city from all its institutions over their real protocols, and says where the time goes.

    cargo build --workspace && python3 benches/acquire.py --households 2000

The simulated institutions take the rates that their manifests declare; `--rate 100000` lets them take that many calls a
second instead, so that hedui is measured and not the patience of the invented institutions. Both processes, the
institutions' and hedui's, share the machine.
"""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--households", type=int, default=2000)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--rate", type=int, help="calls a second that every institution takes")
    options.add_argument("--as-of", default="2026-06-30")
    options.add_argument("--hedui", default=default_binary(), help="the program")
    options.add_argument("--keep", help="folder to leave everything in")
    args = options.parse_args()
    work = args.keep or tempfile.mkdtemp(prefix="hedui-acquire-")
    os.makedirs(work, exist_ok=True)
    try:
        measure(args, work)
    finally:
        if not args.keep:
            shutil.rmtree(work, ignore_errors=True)


def default_binary():
    target = os.environ.get("CARGO_TARGET_DIR")
    for folder in [target, os.path.join(os.path.dirname(__file__), "..", "target")]:
        for profile in ["release", "debug"]:
            path = os.path.join(folder, profile, "hedui") if folder else ""
            if os.path.exists(path):
                return os.path.abspath(path)
    return "hedui"


def measure(args, work):
    city, data = os.path.join(work, "city"), os.path.join(work, "data")
    _, invented = run([args.hedui, "sim", "city", "--out", city, "--households", str(args.households),
                       "--seed", str(args.seed), "--as-of", args.as_of])
    serve = [args.hedui, "-q", "sim", "serve", "--city", city, "--data", data]
    if args.rate:
        serve += ["--rate", str(args.rate)]
    started = time.monotonic()
    site = os.path.join(data, "site.toml")
    with open(os.path.join(work, "serve.log"), "wb") as log:
        servers = subprocess.Popen(serve, stdout=log, stderr=log)
    try:
        while not os.path.exists(site):
            if servers.poll() is not None or time.monotonic() - started > 600:
                sys.exit(f"the institutions did not start; see {work}/serve.log")
            time.sleep(0.05)
        ready = time.monotonic() - started
        text, acquired = run([args.hedui, "-q", "acquire", "--data", data, "--cases", os.path.join(city, "cases.json"),
                              "--as-of", args.as_of, "--wait", "36000", "--json"])
        peak = peak_mb(servers.pid)
    finally:
        servers.send_signal(signal.SIGINT)
        _, _, spent = os.wait4(servers.pid, 0)
    report(json.loads(text), args, invented, ready, acquired, spent, peak, data)


def run(command):
    """Runs a command to its end; its output, and (wall, user, system seconds, peak MB)."""
    started = time.monotonic()
    child = subprocess.Popen(command, stdout=subprocess.PIPE)
    text = child.stdout.read()
    _, status, spent = os.wait4(child.pid, 0)
    if status != 0:
        sys.exit(f"{' '.join(command[:4])} ended with {os.waitstatus_to_exitcode(status)}")
    wall = time.monotonic() - started
    return text, (wall, spent.ru_utime, spent.ru_stime, spent.ru_maxrss / 1024)


def peak_mb(pid):
    with open(f"/proc/{pid}/status") as status:
        return next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM"))


def report(summary, args, invented, ready, acquired, servers, servers_peak, data):
    timing, outcomes = summary["timing"], {}
    for source in summary["sources"]:
        for word, count in source["outcomes"].items():
            outcomes[word] = outcomes.get(word, 0) + count
    wall = timing["wall_ms"] / 1000
    rates = f"{args.rate} calls a second everywhere" if args.rate else "the rates of the manifests"
    print(f"{args.households} households, {summary['people']} people, {len(summary['sources'])} sources, {rates}")
    print(f"load average before and during: {' '.join(f'{x:.1f}' for x in os.getloadavg())} on {os.cpu_count()} cores\n")
    print("| what | figure |\n| --- | --- |")
    for what, figure in [
        ("inventing the city", f"{invented[0]:.1f} s, {invented[3]:.0f} MB"),
        ("starting the institutions", f"{ready:.1f} s"),
        ("asks settled", f"{timing['asks']:,} ({', '.join(f'{w} {c:,}' for w, c in sorted(outcomes.items()))})"),
        ("records stored", f"{timing['records']:,}"),
        ("wall time of acquire", f"{wall:.1f} s (with the cases read: {acquired[0]:.1f} s)"),
        ("asks a second", f"{timing['asks_per_second']:,}"),
        ("records a second", f"{timing['records_per_second']:,}"),
        ("CPU of acquire", f"{acquired[1]:.1f} s user, {acquired[2]:.1f} s system"),
        ("CPU of the institutions", f"{servers.ru_utime:.1f} s user, {servers.ru_stime:.1f} s system"),
        ("peak memory of acquire", f"{acquired[3]:.0f} MB"),
        ("peak memory of the institutions", f"{servers_peak:.0f} MB"),
        ("data folder", f"{size_mb(data):.0f} MB"),
    ]:
        print(f"| {what} | {figure} |")
    print("\nBusy seconds, summed over what runs side by side:\n")
    print("| stage | seconds |\n| --- | --- |")
    for stage in ["plan", "claim", "wait", "raw", "parse", "settle_ledger", "settle_store", "stand"]:
        print(f"| {stage} | {timing[stage + '_ms'] / 1000:,.1f} |")


def size_mb(folder):
    return sum(os.path.getsize(os.path.join(path, name)) for path, _, names in os.walk(folder) for name in names) / 1e6


if __name__ == "__main__":
    main()
