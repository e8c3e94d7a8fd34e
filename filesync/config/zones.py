"""Time zones: which ones somebody may have meant by an abbreviation, an offset, a city or a misspelt name."""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from zoneinfo import ZoneInfo, available_timezones

from filesync.config.mistakes import did_you_mean
from filesync.config.timing import LEGACY

_SEASONS = (datetime(2026, 1, 15, tzinfo=UTC), datetime(2026, 7, 15, tzinfo=UTC))
_ABBREVIATION = re.compile(r"[A-Za-z]{2,5}", re.ASCII)
_OFFSET = re.compile(r"(?:UTC|GMT|Z)?\s*([+-])(\d{1,2})(?::?([0-5]\d))?", re.ASCII | re.IGNORECASE)
_MOST_NAMED = 3
_CONTINENTS = frozenset(("Africa", "America", "Asia", "Atlantic", "Australia", "Europe", "Indian", "Pacific"))
# Each stands for its neighbours where an abbreviation or an offset is shared; then come the others, by name.
_BEST_KNOWN = (
    "Europe/Berlin",
    "Europe/London",
    "America/New_York",
    "America/Chicago",
    "America/Denver",
    "America/Los_Angeles",
    "Asia/Kolkata",
    "Europe/Dublin",
    "Asia/Jerusalem",
    "Europe/Helsinki",
    "Asia/Shanghai",
    "Asia/Tokyo",
    "Australia/Sydney",
)


def nearest(text: str) -> str:
    """Write `did you mean x? ` or what else helps; '' when nothing is near."""
    offset = _OFFSET.fullmatch(text)
    if offset:
        return _of_offset(*offset.groups(default="0"))
    if text in LEGACY:
        return _of_abbreviation("CET" if text == "MET" else text[:3])
    if _ABBREVIATION.fullmatch(text):  # the next three letters may be the other side of the earth
        return _of_abbreviation(text) or _of_city(text)
    return _of_city(text) or _of_spelling(text)


def _of_abbreviation(text: str) -> str:
    """Say that it is none, and name those where clocks show it."""
    abbreviation = text.upper()
    zones = [zone for zone, shown in _shown() if any(name == abbreviation for name, _ in shown)]
    if not zones:
        return ""
    return f"an abbreviation is no zone: did you mean {_listed(zones)}? "


def _of_offset(sign: str, hours: str, minutes: str) -> str:
    """Name places that are that far from UTC in one half of the year, and the zone that is so all year."""
    length = int(hours) * 60 + int(minutes)
    if not length:
        return "did you mean UTC? "
    wanted = timedelta(minutes=-length if sign == "-" else length)
    places = [zone for zone, shown in _shown() if any(offset == wanted for _, offset in shown)]
    also = _fixed(sign, int(hours)) if not int(minutes) else ""
    named = " or ".join(each for each in (_listed(places), also) if each)
    return f"an offset is no zone: did you mean {named}? " if named else ""


def _fixed(sign: str, hours: int) -> str:
    """Name the zone that has that offset all year."""
    zone = f"Etc/GMT{'-' if sign == '+' else '+'}{hours}"
    return f"{zone} (all year; its sign is the other way round)" if zone in available_timezones() else ""


def _of_city(text: str) -> str:
    city = _cities().get(_as_city(text))
    return f"did you mean {city}? " if city else ""


def _of_spelling(text: str) -> str:
    """Guess among the zones, or among the cities alone where no continent is named."""
    if "/" in text:
        return did_you_mean(text, available_timezones())
    close = get_close_matches(_as_city(text), _cities(), n=1)
    return f"did you mean {_cities()[close[0]]}? " if close else ""


def _cities() -> Mapping[str, str]:
    return {_as_city(zone): zone for zone in sorted(available_timezones() - LEGACY, reverse=True)}


def _as_city(text: str) -> str:
    return text.rpartition("/")[2].lower().replace(" ", "_")


def _shown() -> Iterator[tuple[str, Sequence[tuple[str | None, timedelta | None]]]]:
    """Give each place with what its clocks show in winter and in summer, the best-known ones first."""
    others = sorted(zone for zone in available_timezones() if _is_place(zone))
    for zone in dict.fromkeys([*_BEST_KNOWN, *others]):
        moments = [moment.astimezone(ZoneInfo(zone)) for moment in _SEASONS]
        yield zone, [(moment.tzname(), moment.utcoffset()) for moment in moments]


def _is_place(zone: str) -> bool:
    return zone.partition("/")[0] in _CONTINENTS


def _listed(zones: Sequence[str]) -> str:
    return " or ".join(zones[:_MOST_NAMED])
