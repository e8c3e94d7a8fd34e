"""The figures as one JSON document, and that document as Markdown."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median
from typing import Any

from benchmarks.racing import Goal, Outcome, Sample
from filesync.core.timestamps import to_timestamp

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Column:
    """How a figure is headed and written."""

    figure: str
    heading: str
    write: Callable[[float], str]


def _mib(value: float) -> str:
    return f"{value / 2**20:,.1f}" if value < 10 * 2**20 else f"{value / 2**20:,.0f}"


def _seconds(value: float) -> str:
    return f"{value:.2f}" if value < 100 else f"{value:.0f}"


def _whole(value: float) -> str:
    return f"{value:,.0f}"


_COLUMNS = (
    _Column("wall_seconds", "wall s", _seconds),
    _Column("cpu_seconds", "CPU s", _seconds),
    _Column("peak_bytes", "peak MiB", _mib),
    _Column("requests", "requests", _whole),
    _Column("rows", "files", _whole),
    _Column("database_bytes", "database MiB", _mib),
    _Column("service_seconds", "service CPU s", _seconds),
)
_WRITE = {column.figure: column.write for column in _COLUMNS}
_UNITS = {"peak_bytes": "MiB", "database_bytes": "MiB", "wall_seconds": "s", "cpu_seconds": "s"}


def to_document(
    outcomes: Iterable[Outcome], *, at: datetime, machine: Mapping[str, str], versions: Mapping[str, str]
) -> Json:
    """Give everything that was measured; every figure of every run is in it."""
    return {
        "at": to_timestamp(at),
        "machine": dict(machine),
        "versions": dict(versions),
        "races": [_to_race(outcome) for outcome in outcomes],
    }


def _to_race(outcome: Outcome) -> Json:
    race = outcome.race
    return {
        "case": outcome.case.name,
        "reading": outcome.case.reading,
        "race": race.title,
        "contestants": [
            {"name": name, "runs": len(samples), "figures": _to_figures(samples)}
            for name, samples in outcome.samples.items()
        ],
        "missing": [{"name": one.name, "remedy": one.remedy} for one in race.absent],
        "goals": [_to_goal(goal, outcome) for goal in race.goals],
    }


def _to_figures(samples: Sequence[Sample]) -> Json:
    taken = [sample.figures() for sample in samples]
    names = dict.fromkeys(name for one in taken for name in one)
    values = {name: [one[name] for one in taken if name in one] for name in names}
    return {name: _spread(found) for name, found in values.items()}


def _spread(values: Sequence[float]) -> Json:
    return {"median": median(values), "min": min(values), "max": max(values), "runs": list(values)}


def _to_goal(goal: Goal, outcome: Outcome) -> Json:
    reached = outcome.reached(goal)
    met = None if reached is None or goal.at_most is None else reached <= goal.at_most
    return {
        "figure": goal.figure,
        "of": goal.of,
        "against": goal.against,
        "words": goal.words,
        "reached": reached,
        "at_most": goal.at_most,
        "met": met,
    }


def to_markdown(document: Json) -> str:
    """Write the document for people: a table for each case, and one of ratios with their targets."""
    races: Sequence[Json] = document["races"]
    lines = [*_header(document), ""]
    for case in dict.fromkeys(race["case"] for race in races):
        lines += [*_case(case, [race for race in races if race["case"] == case]), ""]
    return "\n".join(lines)


def _header(document: Json) -> Iterable[str]:
    machine, versions = document["machine"], document["versions"]
    yield f"Measured at {document['at']} with `python -m benchmarks`: median (smallest to largest) of the runs."
    yield ""
    yield f"- Machine: {machine['processor']}, {machine['cores']} cores, {machine['memory']}, {machine['system']}"
    yield f"- Versions: {', '.join(f'{name} {version}' for name, version in versions.items())}"
    missing = {one["name"]: one["remedy"] for race in document["races"] for one in race["missing"]}
    for name, remedy in missing.items():
        yield f"- **{name} is missing**: nothing here was measured against it. To have it: {remedy}"


def _case(name: str, races: Sequence[Json]) -> Iterable[str]:
    yield f"### {name}"
    yield ""
    yield races[0]["reading"]
    yield ""
    columns = [column for column in _columns(races) if any(_has(race, column.figure) for race in races)]
    yield f"| | | runs | {' | '.join(column.heading for column in columns)} |"
    yield f"|---|---|--:|{'--:|' * len(columns)}"
    for race in races:
        yield from (_row(race, contestant, columns) for contestant in race["contestants"])
    goals = [(race, goal) for race in races for goal in race["goals"]]
    if goals:
        yield ""
        yield "| | | reached | target | met |"
        yield "|---|---|--:|--:|---|"
        yield from (_goal_row(race, goal) for race, goal in goals)


def _columns(races: Sequence[Json]) -> Iterable[_Column]:
    yield from _COLUMNS
    all_figures = (name for race in races for one in race["contestants"] for name in one["figures"])
    yield from (_Column(name, _plain(name), _any) for name in dict.fromkeys(all_figures) if name not in _WRITE)


def _has(race: Json, figure: str) -> bool:
    return any(figure in one["figures"] for one in race["contestants"])


def _row(race: Json, contestant: Json, columns: Sequence[_Column]) -> str:
    cells = [_cell(contestant["figures"].get(column.figure), column) for column in columns]
    return f"| {race['race']} | {contestant['name']} | {contestant['runs']} | {' | '.join(cells)} |"


def _cell(figure: Json | None, column: _Column) -> str:
    if figure is None:
        return "-"
    middle, low, high = (column.write(figure[part]) for part in ("median", "min", "max"))
    return middle if low == high else f"{middle} ({low}-{high})"


def _goal_row(race: Json, goal: Json) -> str:
    write = _WRITE.get(goal["figure"], _any) if goal["against"] is None else _ratio
    unit = _UNITS.get(goal["figure"], "") if goal["against"] is None else ""
    reached = "not measured" if goal["reached"] is None else f"{write(goal['reached'])} {unit}".strip()
    target = "" if goal["at_most"] is None else f"at most {write(goal['at_most'])} {unit}".strip()
    met = {None: "", True: "yes", False: "**no**"}[goal["met"]]
    return f"| {race['race']} | {_what(goal)} | {reached} | {target} | {met} |"


def _what(goal: Json) -> str:
    figure = goal["words"] or _plain(goal["figure"])
    return f"{figure}: {goal['of']} / {goal['against']}" if goal["against"] else f"{figure}: {goal['of']}"


def _plain(figure: str) -> str:
    headings = {column.figure: column.heading for column in _COLUMNS}
    return (
        headings.get(figure, figure.replace("_", " ").replace(" us ", " µs ").replace("cpu", "CPU"))
        .removesuffix(" s")
        .removesuffix(" MiB")
    )


def _ratio(value: float) -> str:
    return f"{value:.2f}" if value >= 0.1 else f"{value:.3f}"


def _any(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
