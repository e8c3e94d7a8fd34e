"""Is it the simulated services that are measured? What they give a bare reader, and what they compute during a sync."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from urllib.parse import quote, urlencode, urlsplit

from benchmarks.cases.acc import settle
from benchmarks.contestants.filesync import NAME, on_acc, on_drive
from benchmarks.contestants.reader import Questions, reader
from benchmarks.drive import Drive, drive
from benchmarks.racing import Bench, Case, Contestant, Goal, Race, Sample
from benchmarks.services import Service, acc_environ, acc_token, simulator

_BARE = "bare reader"
_BEHIND_PROXY = "bare reader, TLS and proxy"
_FILES = 20_000
_A_FEW = 3
_FIELDS = (
    "nextPageToken,files(id,name,mimeType,parents,size,md5Checksum,headRevisionId,version,createdTime,modifiedTime,"
    "webViewLink,owners(displayName,emailAddress),lastModifyingUser(displayName,emailAddress),trashed)"
)
_GOOGLE = "www.googleapis.com"


def _of_drive(bench: Bench) -> Iterator[Race]:
    with drive(bench.folder / "drive", "--even", f"0,0,{bench.sized(_FILES)}") as served:
        ours = on_drive(served, bench.folder / "home")
        contestants = [
            Contestant(_BARE, reader(lambda: _pages(served), bench.folder, served.cpu_seconds)),
            Contestant(_BEHIND_PROXY, reader(lambda: _pages(served, tunnel=True), bench.folder, served.cpu_seconds)),
            Contestant(NAME, _with_share(ours.first), _A_FEW),
        ]
        yield Race(f"Drive, {bench.sized(_FILES):,} files", contestants, _GOALS)


def _of_acc(bench: Bench) -> Iterator[Race]:
    with simulator("acc", "--files", str(bench.sized(_FILES)), "--folders", str(bench.sized(_FILES // 40))) as service:
        environ = acc_environ(service)
        ours = on_acc(service, bench.folder / "home", environ, settle)
        settle()
        ours.first()
        contestants = [
            Contestant(_BARE, reader(lambda: _folders(service, environ), bench.folder, service.cpu_seconds)),
            Contestant(NAME, _with_share(ours.first), _A_FEW),
        ]
        yield Race(f"ACC, {bench.sized(_FILES):,} files", contestants, _GOALS)


def _races(bench: Bench) -> Iterator[Race]:
    yield from _of_drive(bench)
    yield from _of_acc(bench)


def _with_share(run: Callable[[], Sample]) -> Callable[[], Sample]:
    """Add which share of a sync's time service and proxy compute."""

    def shared() -> Sample:
        sample = run()
        share = (sample.service_seconds or 0.0) / sample.wall_seconds
        return replace(sample, more={"share_of_wall": share})

    return shared


def _pages(served: Drive, *, tunnel: bool = False) -> Questions:
    """Ask for everything in pages, as a first sync does."""
    question = {"q": "trashed=false", "pageSize": "1000", "fields": _FIELDS}
    at = urlsplit(served.address if tunnel else served.service.ids["base_url"])
    return Questions(
        at.hostname or "",
        at.port or 0,
        {"Authorization": f"Bearer {served.access_token()}"},
        [f"/drive/v3/files?{urlencode(question)}"],
        _GOOGLE if tunnel else "",
        served.authority,
    )


def _folders(service: Service, environ: dict[str, str]) -> Questions:
    """Ask for the first page of every folder."""
    at, project = urlsplit(service.ids["base_url"]), service.ids["project_id"]
    contents = [
        f"/data/v1/projects/{project}/folders/{quote(one)}/contents" for one in service.order("folders")["folders"]
    ]
    return Questions(at.hostname or "", at.port or 0, {"Authorization": f"Bearer {acc_token(environ)}"}, contents)


_GOALS = [Goal("pages_a_second", _BARE), Goal("MB_a_second", _BARE), Goal("share_of_wall", NAME)]

CASES = (
    Case(
        "simulator",
        "What the simulated services give a client that only reads (pages and megabytes a second, one by one and not "
        "compressed), without and with the proxy; and which share of a first sync's time, at no latency, they and the "
        "proxy compute, mostly on another core. Their first answers take longer: what they wrote once they keep.",
        _races,
    ),
)
