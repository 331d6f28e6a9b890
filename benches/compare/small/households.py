"""Invented households for the small rules: the same seed gives the same ones, in whole fen."""

import random

LINE, DEPOSIT_LIMIT = 100_000, 3_600_000


def household(seed):
    dice = random.Random(seed)
    members = []
    for _ in range(dice.choice((1, 1, 2, 2, 3, 4, 5))):
        wage = dice.choice((0, 0, dice.randrange(30_000, 400_000)))
        months = [
            {"gross": wage, "tax": wage * 3 // 1000, "insurance": wage * 105 // 1000} for _ in range(12 if wage else 0)
        ]
        members.append({
            "months": months,
            "pensions": [{"amount": dice.randrange(20_000, 250_000), "base": 20_000}] if dice.random() < 0.3 else [],
            "deposits": [dice.randrange(0, 2_500_000) for _ in range(dice.randrange(0, 4))],
            "vehicles": int(dice.random() < 0.05),
        })
    return {"members": members}


def half_up(number, by):
    """number / by to the nearest whole, halves away from zero."""
    whole, rest = divmod(abs(number), by)
    whole += rest * 2 >= by
    return whole if number >= 0 else -whole


def expected(home):
    """What the rules say, plainly."""
    people = home["members"]
    size = len(people)
    income = sum(half_up(sum(m["gross"] - m["tax"] - m["insurance"] for m in p["months"]), 12) for p in people)
    income += sum(q["amount"] - q["base"] for p in people for q in p["pensions"])
    a_head = half_up(income, size)
    deposits = half_up(sum(sum(p["deposits"]) for p in people), size)
    met = a_head < LINE and deposits <= DEPOSIT_LIMIT and not any(p["vehicles"] for p in people)
    amount = -(-(LINE - a_head) * size // 100) * 100 if met else 0
    return {"a_head": a_head, "deposits": deposits, "dibao": met, "amount": amount}
