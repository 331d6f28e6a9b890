"""The small rules in ZEN: one household at a time, through its Python binding. Prints microseconds a household, or the results."""

import json
import sys
import time

import zen

from households import DEPOSIT_LIMIT, LINE, household

# Rounding half away from zero of non-negative numbers is floor(x + 1/2); incomes here are never negative.
EXPRESSIONS = [
    ("size", "len(members)"),
    ("wages", "sum(map(members, floor(sum(map(#.months, #.gross - #.tax - #.insurance)) / 12 + 0.5)))"),
    ("pensions", "sum(map(members, sum(map(#.pensions, #.amount - #.base))))"),
    ("a_head", "floor(($.wages + $.pensions) / $.size + 0.5)"),
    ("deposits", "floor(sum(map(members, sum(#.deposits))) / $.size + 0.5)"),
    ("dibao", f"$.a_head < {LINE} and $.deposits <= {DEPOSIT_LIMIT} and sum(map(members, #.vehicles)) == 0"),
    ("amount", f"$.dibao ? ceil(({LINE} - $.a_head) * $.size / 100) * 100 : 0"),
]

GRAPH = {
    "nodes": [
        {"id": "in", "type": "inputNode", "name": "in", "position": {"x": 0, "y": 0}},
        {
            "id": "rules",
            "type": "expressionNode",
            "name": "rules",
            "position": {"x": 1, "y": 0},
            "content": {"expressions": [{"id": k, "key": k, "value": v} for k, v in EXPRESSIONS]},
        },
        {"id": "out", "type": "outputNode", "name": "out", "position": {"x": 2, "y": 0}},
    ],
    "edges": [
        {"id": "a", "type": "edge", "sourceId": "in", "targetId": "rules"},
        {"id": "b", "type": "edge", "sourceId": "rules", "targetId": "out"},
    ],
}


def main():
    count, rounds = int(sys.argv[1]), int(sys.argv[2])
    homes = [household(seed) for seed in range(count)]
    decision = zen.ZenEngine().create_decision(json.dumps(GRAPH))
    results = []
    for home in homes:
        found = decision.evaluate(home)["result"]
        results.append({
            "a_head": int(found["a_head"]), "deposits": int(found["deposits"]), "dibao": bool(found["dibao"]),
            "amount": int(found["amount"]),
        })
    times = []
    for _ in range(rounds):
        for home in homes:
            began = time.perf_counter_ns()
            decision.evaluate(home)
            times.append((time.perf_counter_ns() - began) / 1000)
    json.dump({"results": results, "microseconds": sorted(times)}, sys.stdout)


main()
