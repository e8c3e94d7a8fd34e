"""The targets. Each says what must hold for any bytes at all."""

import contextlib
import csv
import io
import json
import re
import sqlite3
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filesync.auth.autodesk import app as autodesk_app
from filesync.auth.autodesk import three_legged
from filesync.auth.consent import Consent
from filesync.auth.google import credentials_file
from filesync.auth.google import refusals as google_refusals
from filesync.auth.logins import login_file
from filesync.auth.loopback import Reception
from filesync.auth.tokens import of_bytes, to_token
from filesync.cli import Terminal
from filesync.cli.output.rows import Form, View, show
from filesync.config import load_config
from filesync.config.timing import check_cron, check_timezone
from filesync.core.durations import format_duration, parse_duration, parse_moment
from filesync.core.errors import AuthError, ConfigError, ResponseError, UsageError
from filesync.core.globs import Glob, check_glob
from filesync.core.model import RemoteFile
from filesync.core.sanitize import escape_json, harmless, unlike_formula
from filesync.core.schedule import CronSchedule, History, decide
from filesync.core.url_policy import address_problem
from filesync.http import Answer, Redactor, Refusal, Route, Secret, printable
from filesync.http.pace import requested_wait, to_date
from filesync.http.response_check import to_object
from filesync.http.types import HttpCall, Reply, RetryableError
from filesync.providers.autodesk import refusals as autodesk_refusals
from filesync.providers.autodesk import translate as autodesk
from filesync.providers.details import check_id, to_bound, to_extension
from filesync.providers.google_drive import refusals as drive_refusals
from filesync.providers.google_drive import translate as drive
from filesync.runtime.clock import Stop, SystemClock
from filesync.runtime.log import Level, Log
from filesync.runtime.settings import load_settings
from filesync.scheduling import crontab
from filesync.store.sqlite.matching import beginnings
from tests.adversarial.fuzz.matching import matches

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
WHERE = "https://service.example/page"
_CALL = HttpCall(Route("pages", "GET", "/.*"), WHERE, f"pages: GET {WHERE}")
_TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", re.ASCII)
_HOME = Path(tempfile.mkdtemp(prefix="filesync-fuzz-"))
_CLOCK = SystemClock()


def answers(content: bytes) -> None:
    """An answer is a JSON object, or an error that names the request."""
    body = _body(content)
    if body is not None:
        acc(body)
        files_of_drive(body)
        tokens(body)


def refusals(content: bytes) -> None:
    """Whatever stands in an error's body: a reason and a detail that are text."""
    try:
        body = json.loads(content)
    except (ValueError, RecursionError):
        return
    explained: list[Callable[[int, Any], Refusal]] = [
        autodesk_refusals.explain,
        drive_refusals.explain,
        autodesk_app.explain_login,
        google_refusals.explain_login,
    ]
    for explain in explained:
        for status in (400, 401, 403, 404, 429, 500):
            refusal = explain(status, body)
            line = Redactor().line(f"{refusal.reason} {refusal.detail}")
            assert isinstance(refusal.retry, bool)
            assert line.isprintable()


def acc(body: Mapping[str, Any]) -> None:
    """Data Management's answers: files and folders that can be stored, or ResponseError."""
    answer = Answer(WHERE, 200, body, {}, NOW)
    autodesk.next_href(answer)
    autodesk.has_outage(answer)
    autodesk.has_warnings(answer)
    with contextlib.suppress(ResponseError):
        for file in autodesk.to_contents(answer, "folder").files:
            assert_storable(file)
    with contextlib.suppress(ResponseError):
        for entry in autodesk.to_entries(answer):
            autodesk.to_ancestors(entry, "root")
    with contextlib.suppress(ResponseError):
        items, tips = autodesk.to_listed_items(answer)
        for item in items.values():
            assert_storable(autodesk.to_file(answer, item, tips.of(item), None))


def files_of_drive(body: Mapping[str, Any]) -> None:
    """Drive's answers: files that can be stored, or ResponseError."""
    with contextlib.suppress(ResponseError):
        assert_storable(drive.to_file(drive.to_item(body, WHERE), "parent"))
    with contextlib.suppress(ResponseError):
        for item in drive.to_items_page(body, WHERE).items:
            assert_storable(drive.to_file(item, item.parents[0] if item.parents else None))
    with contextlib.suppress(ResponseError):
        for change in drive.to_changes_page(body, WHERE).changes:
            if change.item is not None:
                assert_storable(drive.to_file(change.item, None))
    with contextlib.suppress(ResponseError):
        drive.to_drives_page(body, WHERE)
    with contextlib.suppress(ResponseError):
        drive.to_start_token(body, WHERE)


def tokens(body: Mapping[str, Any]) -> None:
    """A token endpoint's answer: a token that a header can carry, or ResponseError."""
    with contextlib.suppress(ResponseError):
        token = to_token(Answer(WHERE, 200, body, {}, NOW), _CLOCK)
        assert token.access_token.isascii()
        assert token.access_token.isprintable()
        again = of_bytes(token.to_bytes())
        assert again is not None
        assert again.access_token == token.access_token


def token_files(content: bytes) -> None:
    """A file of ours, or of Google's, that somebody filled with anything: a login, or AuthError."""
    token = of_bytes(content)
    if token is not None:
        token.is_settled(NOW)
    path = _HOME / "token.json"
    path.write_bytes(content)
    path.chmod(0o600)
    with contextlib.suppress(AuthError):
        login = login_file(path, _CLOCK, Stop(_CLOCK), "log in").read()
        assert login is not None
        login.is_settled(NOW)
        login.is_idle(NOW, NOW)
        login.is_settled(NOW)
        str(login.problem)
    with contextlib.suppress(AuthError):
        credentials_file.read_credentials(path, "GOOGLE_CREDENTIALS_PATH")
    with contextlib.suppress(AuthError):
        credentials_file.read_client(path)
    three_legged._claims(content.decode("utf-8", "replace"))


def headers(content: bytes) -> None:
    """Retry-After and Date: at most ten minutes, and a date in UTC or none."""
    first, _, second = content.decode("latin-1").partition("\n")
    wait = requested_wait(Reply(429, {"Retry-After": first, "Date": second}, b""), _CLOCK)
    assert wait is None or 1 <= wait <= 600
    date = to_date(first)
    assert date is None or date.utcoffset() == NOW.utcoffset()


def config(content: bytes) -> None:
    """connector.yaml: a configuration, or ConfigError with a line for each mistake."""
    path = _HOME / "config" / "connector.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    said = ""
    try:
        loaded = load_config(path, _SETTINGS)
        json.dumps([endpoint.details_text for endpoint in loaded.endpoints])
    except ConfigError as error:
        said = str(error)
    assert all(line.isprintable() for line in said.split("\n")), said


_SETTINGS = load_settings(_HOME, {"FILESYNC_HOME": str(_HOME), "NAME": "value", "EMPTY": ""})


def words(content: bytes) -> None:
    """What people write into options and settings: a value, or the error that says what is allowed."""
    text = content.decode("utf-8", "surrogatepass" if b"\xed" in content else "replace")
    with contextlib.suppress(ValueError):
        assert parse_duration(format_duration(parse_duration(text))) == parse_duration(text)
    with contextlib.suppress(UsageError):
        assert _TIMESTAMP.fullmatch(parse_moment("--since", text, NOW))
    for check in (to_bound, to_extension, check_timezone):
        with contextlib.suppress(ValueError):
            check(text)
    with contextlib.suppress(ValueError):
        check_id(text, lambda _: None)
    assert isinstance(address_problem(text, allow_http=True), str)
    Reception(Consent("", "", "state", Secret("")), Redactor()).offer(text)
    with contextlib.suppress(ValueError):
        schedule = CronSchedule(check_cron(text), "Europe/Berlin")
        assert decide(schedule, History(NOW), NOW).next_due_at is not None


def globs(content: bytes) -> None:
    """A glob means what the slow and simple matcher says, or is refused."""
    pattern, _, path = content.decode("utf-8", "replace").partition("\n")
    try:
        checked = check_glob(pattern)
        found = Glob(checked).matches(path)
    except ValueError:
        return
    assert found == matches(checked, path), (checked, path)


def shown(content: bytes) -> None:
    """Foreign text on its way out: one line, one cell, one string, whatever it is."""
    text = content.decode("utf-8", "surrogatepass" if b"\xed" in content else "replace")
    assert harmless(text).isprintable() or not any(c in harmless(text) for c in "\n\r\x1b\x7f\u202e\u2028")
    assert json.loads(escape_json(json.dumps(text, ensure_ascii=False))) == text
    assert printable(text).isprintable()
    assert not unlike_formula(text).lstrip(" ").startswith(("=", "+", "-", "@", "\t", "\r", "\n"))
    redactor = Redactor()
    redactor.hide("correct horse battery")
    assert "correct horse battery" not in redactor.line(f"{text}correct horse battery{text}")
    kept: list[str] = []
    log = Log(None, Level.DEBUG, lambda: NOW, redactor.scrub, echo=kept.append)
    log.info("event", name=text, names=[text], more={text: text})
    assert all("\n" not in line and "\x1b" not in line for line in kept)
    _in_csv(text)


def _in_csv(text: str) -> None:
    out = io.StringIO()
    terminal = Terminal(io.StringIO(), out, io.StringIO())
    show(terminal, Form.CSV, View("rows", fields=("name", "after")), [{"name": text, "after": "next"}])
    _, row = csv.reader(io.StringIO(out.getvalue(), newline=""))
    assert row == [unlike_formula(text), "next"]


def search(content: bytes) -> None:
    """Words to look for are words, whatever FTS5 would make of them."""
    text = content.decode("utf-8", "replace")
    words = beginnings(text)
    if words:
        _SEARCH.execute("SELECT * FROM names WHERE names MATCH ?", (words,)).fetchall()


_SEARCH = sqlite3.connect(":memory:", check_same_thread=False)
_SEARCH.execute("CREATE VIRTUAL TABLE names USING fts5 (name)")


def crontabs(content: bytes) -> None:
    """A crontab keeps every byte that is not ours."""
    line = "*/5 * * * * filesync sync # filesync: /home/x"
    home = Path("/home/x")
    whole = crontab.with_line(content, home, line)
    assert crontab.installed(whole, home) == [line]
    assert crontab.with_line(whole, home, line) == whole
    if not crontab.installed(content, home):
        assert crontab.without(whole, home).rstrip(b"\n") == content.rstrip(b"\n")


def _body(content: bytes) -> Mapping[str, Any] | None:
    try:
        return to_object(_CALL, content)
    except ResponseError as error:
        said = str(error)
    except RetryableError as again:
        said = str(again.error)
    assert said.startswith(f"pages: GET {WHERE}: ")
    assert said.isprintable()
    return None


def assert_storable(file: RemoteFile) -> None:
    """What a provider gives fits a STRICT table: text in UTF-8, numbers of 64 bits, times as text that sorts."""
    for text in file.odd:
        text.encode()
        assert text.isprintable(), text
    for each in (each for each in fields(file) if each.name != "odd"):
        value = getattr(file, each.name)
        if isinstance(value, str):
            value.encode()
        assert value is None or isinstance(value, str) or -(2**63) <= value < 2**63, each.name
    assert file.id
    assert "\0" not in f"{file.id}{file.parent_id}"
    assert file.size is None or file.size >= 0
    for moment in (file.created_at, file.updated_at):
        assert moment is None or _TIMESTAMP.fullmatch(moment), moment
    if file.extra is not None:
        json.loads(file.extra, parse_constant=_no_constant)


def _no_constant(name: str) -> None:
    raise AssertionError(f"{name} is no JSON")


TARGETS: Mapping[str, Callable[[bytes], None]] = {
    each.__name__: each
    for each in (answers, refusals, token_files, headers, config, words, globs, shown, search, crontabs)
}
