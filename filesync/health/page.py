"""The facts for people: one page that needs nothing else, from nowhere else.

Every text goes through `_text`, which escapes it, or is ours. The page is made whole each time; its script fetches it
again and puts it in place, so that nothing but this module knows how a fact looks. Without scripts it reloads itself.
"""

import base64
import hashlib
from collections.abc import Iterable, Sequence
from datetime import datetime
from html import escape
from importlib import resources

from filesync import __version__
from filesync.core.durations import ago, length, until
from filesync.core.timestamps import known_time, to_timestamp
from filesync.health.facts import Facts, Row, is_alarming

_MOODS = {
    "ok": "good", "manual": "good", "running": "good", "success": "good", "waiting": "warn", "partial": "warn",
    "stale": "warn", "failed": "bad", "blocked": "bad", "login": "bad",
}  # fmt: skip
_TYPES = {"autodesk_construction_cloud": "ACC", "google_drive": "Google Drive"}
_ORDER = ("bad", "warn", "good", "dim")
_COLOURS = {"good": "%2317692f", "warn": "%23c98a00", "bad": "%23c62a22"}


def _read(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


_STYLE, _SCRIPT = _read("page.css"), _read("page.js")
POLICY = (
    f"default-src 'none'; script-src {_hash(_SCRIPT)}; style-src {_hash(_STYLE)}; img-src data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def to_page(facts: Facts) -> bytes:
    """Write the page."""
    mood, verdict = _verdict(facts)
    icon = f"data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 9 9'><circle cx='4.5' cy='4.5' r='4' fill='{_COLOURS[mood]}'/></svg>"  # noqa: E501
    page = f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{_text(verdict)} - filesync</title>
<link rel="icon" id="icon" href="{icon}">
<noscript><meta http-equiv="refresh" content="30"></noscript>
<style>{_STYLE}</style>
</head>
<body>
<header><h1>filesync</h1>
<nav aria-label="On this page">
<a href="#endpoints">Endpoints</a><a href="#syncs">Syncs</a><a href="#changes">Changes</a>
</nav>
</header>
<main>
<p class="problem" id="lost" role="status" hidden>The server does not answer. What is shown may be old.</p>
<div id="facts">
<p class="verdict {mood}">{_text(verdict)}</p>
<ul class="facts">{_summary(facts)}</ul>
{_problem(facts.database_problem)}{_problem(facts.config_problem)}
<h2 id="endpoints">Endpoints</h2>
{_endpoints(facts)}
<h2 id="syncs">Recent syncs</h2>
{_syncs(facts)}
<h2 id="changes">Latest changes</h2>
{_changes(facts)}
</div>
</main>
<footer>filesync {_text(__version__)}. Times are UTC where they are not an age.
For programs: <a href="/status">/status</a>, <a href="/metrics">/metrics</a>, <a href="/health">/health</a>.</footer>
<script>{_SCRIPT}</script>
</body>
</html>
"""
    return page.encode("utf-8", "replace")


def _verdict(facts: Facts) -> tuple[str, str]:
    """Say in a sentence whether somebody should do something."""
    if facts.overview is None:
        return "bad", "The database does not answer"
    if facts.config_problem:
        return "bad", "connector.yaml cannot be used"
    alarming = facts.alarming
    if alarming:
        bad = any(_mood(row["state"]) == "bad" for row in alarming)
        verb = "needs" if len(alarming) == 1 else "need"
        return "bad" if bad else "warn", f"{len(alarming)} of {len(facts.endpoints)} endpoints {verb} attention"
    if not facts.endpoints:
        return "warn", "No endpoint is configured"
    return "good", "All is well"


def _summary(facts: Facts) -> str:
    items = [f"as of {_text(to_timestamp(facts.now)[11:19])} UTC"]
    known = facts.overview
    if known is not None:
        items.append(f"{known.files:,} files")
        items.append(f"database {_megabytes(known.size)}, schema {known.schema_version}")
        code = "" if known.last_exit_code is None else f", exit code {known.last_exit_code}"
        items.append(f"last start {_age(known.last_start_at, facts.now) or 'never'}{code}")
    items.append(f"next due {_age(facts.next_due_at, facts.now, due=True) or 'never'}")
    return "".join(f"<li>{item}</li>" for item in items)


def _problem(problem: str | None) -> str:
    return f'<p class="problem" role="alert">{_text(problem)}</p>' if problem else ""


def _endpoints(facts: Facts) -> str:
    now = facts.now
    rows = sorted(facts.endpoints, key=lambda row: (not is_alarming(row), _ORDER.index(_mood(row["state"]))))
    headings = ("Endpoint", "State", "Last success", "Complete as of", "Files", "Last changes", "Took", "Next")
    return _table(
        headings,
        (
            (
                f"{_text(row['name'])}<small>{_text(_type(row))}</small>{_notes(row, now)}",
                _badge(row["state"]),
                _age(row["last_success_at"], now),
                _age(row["complete_as_of"], now),
                _number(row["files"]),
                _counts(row),
                _length(row["last_duration_seconds"]),
                _age(row["next_due_at"], now, due=True),
            )
            for row in rows
        ),
        "No endpoint is configured.",
        brief=False,
    )


def _syncs(facts: Facts) -> str:
    syncs = facts.overview.syncs if facts.overview else ()
    return _table(
        ("Endpoint", "Outcome", "Began", "Took", "Mode", "Changes", "Requests"),
        (
            (
                f"{_text(row['endpoint'])}{_note(row['error_message'], _mood(row['status']))}",
                _badge(row["status"]),
                _age(row["started_at"], facts.now),
                _length(row["duration_seconds"]),
                _text(f"{row['mode']}, {row['trigger']}"),
                _counts(row),
                _number(row["api_requests"]),
            )
            for row in syncs
        ),
        "No sync has run yet.",
    )


def _changes(facts: Facts) -> str:
    changes = facts.overview.changes if facts.overview else ()
    return _table(
        ("File", "What", "When", "Endpoint"),
        (
            (
                f'<span class="path">{_text(row["file_path"])}</span>',
                _text(row["kind"] if row["cause"] == "file" else f"{row['kind']} ({row['cause']})"),
                _age(row["detected_at"], facts.now),
                _text(row["endpoint"]),
            )
            for row in changes
        ),
        "Nothing changed yet.",
    )


_NUMBERS = {"Files", "Requests"}
_LONG = {"Endpoint", "File"}


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]], nothing: str, *, brief: bool = True) -> str:
    """Lay rows of HTML out; the roles keep it a table where a phone shows each row as a card, a small one if brief."""
    body = "".join(f'<tr role="row">{_cells(headings, row)}</tr>\n' for row in rows)
    if not body:
        return f'<p class="empty">{nothing}</p>'
    kind = ' class="brief"' if brief else ""
    head = "".join(f'<th scope="col" role="columnheader"{_class(heading)}>{heading}</th>' for heading in headings)
    return (
        f'<table role="table"{kind}><thead role="rowgroup"><tr role="row">{head}</tr></thead>'
        f'<tbody role="rowgroup">\n{body}</tbody></table>'
    )


def _cells(headings: Sequence[str], row: Sequence[str]) -> str:
    rest = (
        f'<td role="cell" data-label="{heading}"{_class(heading, blank=not cell)}>{cell}</td>'
        for heading, cell in zip(headings[1:], row[1:], strict=True)
    )
    return f'<th scope="row" role="rowheader">{row[0]}</th>{"".join(rest)}'


def _class(heading: str, *, blank: bool = False) -> str:
    names = ["number"] if heading in _NUMBERS else [] if heading in _LONG else ["short"]
    return f' class="{" ".join([*names, "blank"] if blank else names)}"' if names or blank else ""


def _notes(row: Row, now: datetime) -> str:
    """Say what else there is to say of an endpoint: what runs, what is wrong, what will be."""
    mood = _mood(row["state"])
    healthy = mood == "good" and row["error_type"] != "died"
    return "".join(
        (
            _note(_progress(row, now), "dim"),
            _note(row["late"], "warn"),
            _note(None if healthy else row["error_message"], mood),
            _note(_failures(row), mood),
            _note(row["login_warning"], "warn"),
        )
    )


def _progress(row: Row, now: datetime) -> str | None:
    if row["running_since"] is None:
        return None
    seen, asked = row["running_files_seen"] or 0, row["running_api_requests"] or 0
    waits = f", waits for {row['waiting_for'] or 'a limit'}" if row["state"] == "waiting" else ""
    return f"running since {ago(row['running_since'], now)}: {seen:,} files seen, {asked:,} requests{waits}"


def _failures(row: Row) -> str | None:
    count = row["failures_in_a_row"] or 0
    return f"{count} failures in a row" if count > 1 else None


def _note(text: str | None, mood: str) -> str:
    return f'<span class="note {mood}">{_text(text)}</span>' if text else ""


def _text(text: str) -> str:
    """Escape foreign text, and keep its direction marks inside it."""
    return f"<bdi>{escape(text)}</bdi>" if not text.isascii() else escape(text)


def _mood(state: str) -> str:
    return _MOODS.get(state, "dim")


def _badge(state: str) -> str:
    return f'<span class="badge {_mood(state)}">{_text(state)}</span>'


def _type(row: Row) -> str:
    name = str(row["endpoint_type"])
    return _TYPES.get(name, name)


def _age(moment: str | None, now: datetime, *, due: bool = False) -> str:
    if moment is None:
        return ""
    said = until(moment, now) if due else ago(moment, now)
    exact_time = known_time(moment)
    if exact_time is None:
        return said
    exact = f"{exact_time:%Y-%m-%d %H:%M:%S} UTC"
    return f'<time datetime="{_text(moment)}" title="{exact}">{said}</time>'


def _number(value: int | None) -> str:
    return "" if value is None else f"{value:,}"


def _length(seconds: float | None) -> str:
    return "" if seconds is None else length(seconds)


def _counts(row: Row) -> str:
    if row["files_added"] is None:
        return ""
    counts = (("+", row["files_added"]), ("~", row["files_updated"]), ("\u2212", row["files_removed"]))
    return " ".join(f"{sign}{count:,}" for sign, count in counts if count) or "none"


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.1f} MB"
