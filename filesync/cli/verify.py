"""`filesync verify`: hold the inventory against its services, item by item, and say where it is wrong."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Annotated, Any

import typer  # noqa: TID251  the command layer

from filesync.app.endpoint_names import check_names
from filesync.cli.options import AsJson, AsJsonLines, EndpointNames
from filesync.cli.output.rows import Form, View, choose, show, show_document
from filesync.cli.output.table import Column
from filesync.cli.terminal import home_and_terminal
from filesync.core.errors import StoppedError, UsageError
from filesync.runtime.clock import Stop
from filesync.runtime.signals import Caught, stopping
from filesync.store.read.verification import RowKind
from filesync.sync.session import first_code
from filesync.verify.findings import Drift, RowVerdict

if TYPE_CHECKING:
    from filesync.app.home import Home
    from filesync.cli.terminal import Terminal
    from filesync.config import Endpoint
    from filesync.verify.session import Share, Verified, Verifier, VerifyCost

_WORTH_SAYING = 100  # requests


def verify(  # noqa: PLR0913  one parameter for each option
    ctx: typer.Context,
    *,
    endpoint: EndpointNames = None,
    sample: Annotated[
        str | None, typer.Option(metavar="N%|N", help="A share of the rows, or about this many files; 2% by default.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Every row.")] = False,
    repair: Annotated[
        bool, typer.Option("--repair", help="Correct what drifted, with a sync that asks the service again.")
    ] = False,
    json: AsJson = False,
    jsonl: AsJsonLines = False,
) -> None:
    """Look items up by id, compare them with their rows, and report what differs.

    Drawn at random from every active endpoint: live files, deleted ones, folders. What changed since the last sync is
    shown as behind, and is no failure. Only --repair writes anything.

    Exit codes: 0 nothing drifted; 1 something did, repaired or not, or an endpoint could not be verified; 3 something
    could not be looked up; 75 it was temporary; 77 a login is needed; 78 the configuration is wrong; 129/130/143
    stopped by a signal.

    \b
    Examples:
      filesync verify
      filesync verify --endpoint "Project 0001" --all --repair
      filesync verify --sample 500 --json
    """  # noqa: D301  \b is Typer's mark
    home, terminal = home_and_terminal(ctx)
    form = choose(json=json, jsonl=jsonl)
    if everything and sample is not None:
        raise UsageError("--all and --sample exclude each other")
    share = _share(sample, everything=everything)
    results = list(_verified(home, terminal, endpoint or (), share, repair=repair))
    code = first_code({code for each in results for code in each.exit_codes()})
    _show(terminal, form, results, code)
    for each in results:
        _tell(terminal, each, by_hand=bool(endpoint), repair=repair)
    raise typer.Exit(code)


def _share(sample: str | None, *, everything: bool) -> "Share":
    from filesync.verify.session import EVERYTHING, Share  # noqa: PLC0415  --help needs no network

    if everything:
        return EVERYTHING
    if sample is None:
        return Share()
    number = sample.strip().removesuffix("%").strip()
    try:
        if sample.strip().endswith("%") and 0 < float(number) <= 100:
            return Share(float(number) / 100)
        if number.isdecimal() and int(number) > 0 and "%" not in sample:
            return Share(count=int(number))
    except ValueError:
        pass
    raise UsageError(f"--sample {sample[:40]!r}: give a part such as 5%, above 0 and up to 100%, or a number of files")


def _verified(
    home: "Home", terminal: "Terminal", names: Sequence[str], share: "Share", *, repair: bool
) -> "Iterator[Verified]":
    endpoints = _chosen(home, names)
    stop = Stop(home.clock)
    with stopping(stop.request) as caught, _progress(terminal) as tick:
        verifier = _verifier(home, terminal, stop, tick)
        for endpoint in endpoints:
            yield _verify_one(verifier, endpoint, share, home, caught, repair=repair)


def _verify_one(  # noqa: PLR0913  what one endpoint needs
    verifier: "Verifier", endpoint: "Endpoint", share: "Share", home: "Home", caught: Caught, *, repair: bool
) -> "Verified":
    read_as = home.identity_of(endpoint)
    try:
        verified = verifier.verify(endpoint, share, read_as)
        if repair and verified.drifted() and not verified.error_type:
            verifier.repair(endpoint, verified, read_as)
    except StoppedError as exc:
        exc.exit_code = caught.exit_code or exc.exit_code
        raise
    _log(home, verified)
    return verified


def _chosen(home: "Home", names: Sequence[str]) -> "list[Endpoint]":
    """Return the endpoints of these names, or in sets of these names; else every active one."""
    with home.reading():  # that there is a database is said once
        endpoints = home.endpoints()
    sets = [each.name for each in home.config.sets]
    check_names(names, [*sets, *(each.name for each in endpoints)])
    if not names:
        return [each for each in endpoints if each.is_active and not each.archived_at]
    return [each for each in endpoints if {each.name, each.membership and each.membership.set_name} & {*names}]


def _verifier(home: "Home", terminal: "Terminal", stop: Stop, tick: Callable[[str, int, int], None]) -> "Verifier":
    from filesync.sync.provider_factory import provider_factory  # noqa: PLC0415  as above
    from filesync.verify.session import Verifier  # noqa: PLC0415  as above

    def say(name: str, cost: "VerifyCost") -> None:
        if terminal.stderr_is_terminal and cost.requests > _WORTH_SAYING:
            minutes = cost.minutes * 100 / home.config.rate_limit_percent
            terminal.note(
                f"{name}: looking up {cost.files:,} files and {cost.folders:,} folders takes about {cost.requests:,} "
                f"requests, at least {max(1, round(minutes))} min"
            )

    return Verifier(
        config=home.config,
        database_address=home.database_address,
        clock=home.clock,
        stop=stop,
        open_provider=provider_factory(home.config, home.clock, home.random, home.redactor, home.log),
        pick=home.random.sample,
        concurrency=home.settings.max_concurrent_syncs,
        say=say,
        tick=tick,
    )


def _progress(terminal: "Terminal") -> "AbstractContextManager[Callable[[str, int, int], None]]":
    if not terminal.has_progress:
        return nullcontext(lambda *_: None)
    from filesync.cli.output.progress import counting  # noqa: PLC0415  Rich only on a terminal

    return counting(terminal, "rows compared")


def _show(terminal: "Terminal", form: Form, results: "Sequence[Verified]", code: int) -> None:
    rows = [row for each in results for finding in each.findings for row in _to_rows(each.endpoint, finding)]
    if form is not Form.JSON:
        show(terminal, form, _VIEW, rows)
        return
    endpoints = [_to_document(each) for each in results]
    show_document(terminal, {"exit_code": code, "endpoints": endpoints, "differences": rows})


def _to_rows(endpoint: str, finding: Drift) -> "Iterator[Mapping[str, Any]]":
    """Return a row for each column in which one row of the inventory differs."""
    compared = finding.compared
    for difference in compared.differences:
        yield {
            "endpoint": endpoint,
            "verdict": finding.verdict.value,
            "item": "folder" if compared.is_folder else "file",
            "external_id": compared.id,
            "path": compared.path,
            "column": difference.column,
            "inventory": difference.stored,
            "service": difference.shown,
            "contradicts_feed": compared.contradicts_feed,
            "repaired": finding.is_repaired,
        }


def _to_document(verified: "Verified") -> Mapping[str, Any]:
    checked, known = verified.checked, verified.known
    return {
        "endpoint": verified.endpoint,
        "files_checked": checked[RowKind.LIVE],
        "files": known[RowKind.LIVE],
        "deleted_checked": checked[RowKind.DELETED],
        "deleted": known[RowKind.DELETED],
        "folders_checked": checked[RowKind.FOLDERS],
        "folders": known[RowKind.FOLDERS],
        "drift": verified.count(RowVerdict.DRIFT),
        "behind": verified.count(RowVerdict.BEHIND),
        "unreadable": verified.count(RowVerdict.UNREADABLE),
        "repaired": verified.count_repaired(),
        "unanswered": len(verified.unanswered),
        "api_requests": verified.api_requests,
        "skipped": verified.skipped,
        "error_type": verified.error_type,
        "error_message": verified.error_message,
    }


def _log(home: "Home", verified: "Verified") -> None:
    write = home.log.error if verified.error_type else home.log.warning if verified.drifted() else home.log.info
    write("verified", **_to_document(verified))


def _tell(terminal: "Terminal", verified: "Verified", *, by_hand: bool, repair: bool) -> None:
    """Say in one line how an endpoint is; off a terminal, of one that is well, only when a person named it."""
    name = verified.endpoint
    if verified.error_type:
        what = "not repaired" if verified.drifted() else "not verified"
        terminal.complain(f"{name}: {what}: {verified.error_message}")
    if verified.skipped:
        terminal.note(f"{name}: not verified: {verified.skipped}")
    elif not verified.error_type or verified.findings:
        line = f"{name}: {_sentence(verified, repair=repair)}"
        if verified.drifted() or verified.unanswered:
            terminal.complain(line)
        elif by_hand or terminal.stderr_is_terminal:
            terminal.note(line)
        else:
            terminal.detail(line)


def _sentence(verified: "Verified", *, repair: bool) -> str:
    """Say what was found, and of how much."""
    drift, behind, dark = (verified.count(each) for each in RowVerdict)
    parts = [f"{drift} {'row' if drift == 1 else 'rows'} drifted" if drift else "no drift"]
    parts += [f"{verified.count_repaired()} of them repaired"] if drift and repair else []
    parts += [f"{behind} changed since the last sync"] if behind else []
    parts += [f"{dark} below folders that cannot be read"] if dark else []
    parts += [_unanswered(verified.unanswered)] if verified.unanswered else []
    looked = ", ".join(f"{verified.checked[kind]:,} of {verified.known[kind]:,} {kind}" for kind in RowKind)
    advice = "; to correct it: --repair" if drift and not repair else ""
    return f"{', '.join(parts)}; compared {looked}; {verified.api_requests:,} requests{advice}"


def _unanswered(unanswered: Mapping[str, str]) -> str:
    item_id, reason = next(iter(unanswered.items()))
    more = f" and {len(unanswered) - 1} more" if len(unanswered) > 1 else ""
    return f"{len(unanswered)} could not be looked up ({item_id}: {reason}){more}"


def _value(value: object) -> str:
    return "-" if value is None else str(value)


_MOODS = {RowVerdict.DRIFT.value: "bad", RowVerdict.BEHIND.value: "warn", RowVerdict.UNREADABLE.value: "dim"}
_VIEW = View(
    "differences",
    (
        Column("ENDPOINT", lambda row: row["endpoint"], rank=4, least=8),
        Column("VERDICT", lambda row: row["verdict"], mood=lambda row: _MOODS[row["verdict"]]),
        Column("REPAIRED", lambda row: {True: "yes", False: "no", None: ""}[row["repaired"]], rank=1, spare=True),
        Column("COLUMN", lambda row: row["column"]),
        Column("INVENTORY", lambda row: _value(row["inventory"]), rank=3, least=12),
        Column("SERVICE", lambda row: _value(row["service"]), rank=2, least=12),
        Column("ITEM", lambda row: row["item"], rank=5),
        Column("PATH", lambda row: row["path"], least=20),
    ),
    nothing="",
)
