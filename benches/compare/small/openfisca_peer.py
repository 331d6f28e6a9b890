"""The small rules in OpenFisca: one household a simulation, and all of them in one. Prints microseconds a household, and the results.

Amounts are whole fen in OpenFisca's integers, which have 32 bits: enough for these households. Its floats have 32 bits too and would
lose fen.
"""

import json
import sys
import time

import numpy
from openfisca_core import entities, periods, taxbenefitsystems
from openfisca_core.simulation_builder import SimulationBuilder
from openfisca_core.variables import Variable

from households import DEPOSIT_LIMIT, LINE, household

PERSON = entities.Entity("person", "persons", "", "")
HOUSEHOLD = entities.GroupEntity("household", "households", "", "", [{"key": "member", "plural": "members", "label": ""}])
MONTH = periods.DateUnit.MONTH
NOW = "2026-06"


def half_up(number):
    return numpy.sign(number) * numpy.floor(numpy.abs(number) + 0.5)


def variable(name, entity, kind, formula=None):
    body = {"value_type": kind, "entity": entity, "definition_period": MONTH, "label": name}
    if formula is not None:
        body["formula"] = formula
    return type(name, (Variable,), body)


def wages(person, period, _parameters=None):
    months = [period.offset(-back, "month") for back in range(1, 13)]
    return half_up(sum(person("net_wage", month) for month in months) / 12)


def a_head(household, period, _parameters=None):
    income = household.sum(household.members("wages", period)) + household.sum(household.members("pension", period))
    return half_up(income / household.nb_persons())


def deposits(household, period, _parameters=None):
    return half_up(household.sum(household.members("deposit", period)) / household.nb_persons())


def dibao(household, period, _parameters=None):
    vehicles = household.sum(household.members("vehicles", period))
    return (household("a_head", period) < LINE) * (household("deposits", period) <= DEPOSIT_LIMIT) * (vehicles == 0)


def amount(household, period, _parameters=None):
    gap = (LINE - household("a_head", period)) * household.nb_persons()
    return numpy.where(household("dibao", period), numpy.ceil(gap / 100) * 100, 0)


class System(taxbenefitsystems.TaxBenefitSystem):
    def __init__(self):
        super().__init__([PERSON, HOUSEHOLD])
        for made in (
            variable("net_wage", PERSON, int), variable("pension", PERSON, int), variable("deposit", PERSON, int),
            variable("vehicles", PERSON, int), variable("wages", PERSON, int, wages),
            variable("a_head", HOUSEHOLD, int, a_head), variable("deposits", HOUSEHOLD, int, deposits),
            variable("dibao", HOUSEHOLD, bool, dibao), variable("amount", HOUSEHOLD, int, amount),
        ):
            self.add_variable(made)


def simulate(system, homes):
    builder = SimulationBuilder()
    builder.create_entities(system)
    people = [p for home in homes for p in home["members"]]
    builder.declare_person_entity("person", [str(n) for n in range(len(people))])
    group = builder.declare_entity("household", [str(n) for n in range(len(homes))])
    of = numpy.repeat(numpy.arange(len(homes)), [len(home["members"]) for home in homes]).astype(str)
    builder.join_with_persons(group, of, roles=["member"] * len(people))
    simulation = builder.build(system)
    now = periods.period(NOW)
    for back in range(1, 13):
        values = [(p["months"][back - 1] if p["months"] else None) for p in people]
        net = [m["gross"] - m["tax"] - m["insurance"] if m else 0 for m in values]
        simulation.set_input("net_wage", now.offset(-back, "month"), numpy.array(net, dtype=numpy.int32))
    own = {
        "pension": lambda p: sum(q["amount"] - q["base"] for q in p["pensions"]),
        "deposit": lambda p: sum(p["deposits"]),
        "vehicles": lambda p: p["vehicles"],
    }
    for name, of_person in own.items():
        simulation.set_input(name, NOW, numpy.array([of_person(p) for p in people], dtype=numpy.int32))
    names = ("a_head", "deposits", "dibao", "amount")
    return {name: simulation.calculate(name, NOW) for name in names}


def main():
    count, rounds = int(sys.argv[1]), int(sys.argv[2])
    homes = [household(seed) for seed in range(count)]
    system = System()
    began = time.perf_counter_ns()
    all_at_once = simulate(system, homes)
    together = (time.perf_counter_ns() - began) / 1000 / count
    results = [
        {
            "a_head": int(all_at_once["a_head"][n]), "deposits": int(all_at_once["deposits"][n]),
            "dibao": bool(all_at_once["dibao"][n]), "amount": int(all_at_once["amount"][n]),
        }
        for n in range(count)
    ]
    times = []
    for _ in range(rounds):
        for home in homes[:: max(1, count // 100)]:
            began = time.perf_counter_ns()
            simulate(system, [home])
            times.append((time.perf_counter_ns() - began) / 1000)
    json.dump({"results": results, "microseconds": sorted(times), "together": together}, sys.stdout)


main()
