"""The checker, checked: the suite passes a provider that keeps its promises, and fails every one that breaks one."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest import SkipTest

import pytest

from filesync.core.errors import FilesyncError
from filesync.core.model import (
    Batch,
    Candidate,
    FolderListed,
    FoldersKnown,
    Gone,
    Page,
    RemoteFile,
    RemoteFolder,
    Resolved,
    Rooted,
    Shown,
    Unreadable,
)
from filesync.core.timestamps import Timestamp
from filesync.providers.base import Known, Provider, Surroundings
from filesync.testing import ProviderConformance, ServiceDriver, Unsupported
from tests.example_provider import ShelfGround, ShelfKind, ShelfProvider

Break = Callable[[ShelfProvider, Iterator[Batch], Known], Iterator[Batch]]
LookBreak = Callable[[Iterator[Shown], Sequence[Candidate]], Iterator[Shown]]


class Broken:
    """The example's provider, with what it reads or resolves put through a break."""

    continuous = True

    def __init__(self, provider: ShelfProvider, read: Break | None, resolve: Break | None) -> None:
        self.provider, self._read, self._resolve = provider, read, resolve

    def read(self, known: Known) -> Iterator[Batch]:
        batches = self.provider.read(known)
        return self._read(self.provider, batches, known) if self._read else batches

    def resolve(self, candidates: Sequence[Candidate], known: Known) -> Iterator[Batch]:
        batches = self.provider.resolve(candidates, known)
        return self._resolve(self.provider, batches, known) if self._resolve else batches

    def left_out(self) -> Sequence[str]:
        return ()


class BrokenKind(ShelfKind):
    def __init__(self, read: Break | None = None, resolve: Break | None = None) -> None:
        self._breaks = (read, resolve)

    def open(self, details: Any, surroundings: Surroundings) -> Provider:
        provider = super().open(details, surroundings)
        assert isinstance(provider, ShelfProvider)
        return Broken(provider, *self._breaks)


class BrokenLook(Broken):
    """The example's provider, with what it looks up put through a break; `singly`: only what is asked one by one."""

    files_per_look_up = 1
    look_ups_per_minute = 60

    def __init__(self, provider: ShelfProvider, look: LookBreak, *, singly: bool) -> None:
        super().__init__(provider, None, None)
        self._look, self._singly = look, singly

    def look_up(self, items: Sequence[Candidate], known: Known, *, singly: bool = False) -> Iterator[Shown]:
        shown = self.provider.look_up(items, known, singly=singly)
        return self._look(shown, items) if singly or not self._singly else shown


class BrokenLookKind(ShelfKind):
    def __init__(self, look: LookBreak, *, singly: bool = False) -> None:
        self._look, self._singly = look, singly

    def open(self, details: Any, surroundings: Surroundings) -> Provider:
        provider = super().open(details, surroundings)
        assert isinstance(provider, ShelfProvider)
        return BrokenLook(provider, self._look, singly=self._singly)


class Shelf(ProviderConformance):
    patience = 0.05

    @contextmanager
    def ground(self, folder: Path) -> Iterator[ServiceDriver]:
        yield ShelfGround(folder)


def run(kind: ShelfKind, name: str) -> None:
    """Run one test of the suite as pytest would."""
    suite = type("Case", (Shelf,), {"kind": kind})()
    suite.setup_method()
    try:
        getattr(suite, name)()
    finally:
        suite.teardown_method()


def each_file(change: Callable[[RemoteFile], RemoteFile]) -> Break:
    def broken(_provider: ShelfProvider, batches: Iterator[Batch], _known: Known) -> Iterator[Batch]:
        for batch in batches:
            yield replace(batch, files=list(map(change, batch.files))) if isinstance(batch, FolderListed) else batch

    return broken


def each(change: Callable[[Batch], Batch | None]) -> Break:
    def broken(_provider: ShelfProvider, batches: Iterator[Batch], _known: Known) -> Iterator[Batch]:
        yield from (changed for batch in batches if (changed := change(batch)) is not None)

    return broken


def each_shown(change: Callable[[Shown, Candidate], Shown | None]) -> LookBreak:
    def broken(all_shown: Iterator[Shown], items: Sequence[Candidate]) -> Iterator[Shown]:
        asked = {item.id: item for item in items}
        yield from (changed for shown in all_shown if (changed := change(shown, asked[shown.id])) is not None)

    return broken


def starts_with_a_page(_provider: ShelfProvider, batches: Iterator[Batch], _known: Known) -> Iterator[Batch]:
    yield Page()
    yield from batches


def reads_the_first_page_only(batch: Batch) -> Batch:
    return replace(batch, files=batch.files[:200], earlier=frozenset()) if isinstance(batch, FolderListed) else batch


def stops_fifty_levels_down(_provider: ShelfProvider, batches: Iterator[Batch], known: Known) -> Iterator[Batch]:
    for batch in batches:
        folder = known.folder(batch.folder_id) if isinstance(batch, FolderListed) else None
        if folder is None or folder.path is None or folder.path.count("/") < 50:
            yield batch


def states_everything_at_once(_provider: ShelfProvider, batches: Iterator[Batch], _known: Known) -> Iterator[Batch]:
    files: list[RemoteFile] = []
    for batch in batches:
        if isinstance(batch, Page):
            files += batch.files
        elif isinstance(batch, FolderListed):
            yield replace(batch, files=[*files, *batch.files], earlier=frozenset())
            files = []
        else:
            yield batch


def loses_folders_without_files(batch: Batch) -> Batch:
    if isinstance(batch, FolderListed) and not batch.files:
        return replace(batch, folders=())
    return batch


def tidies_names(file: RemoteFile) -> RemoteFile:
    return replace(file, name=file.name.replace("/", "_").strip())


def is_known_by_its_name(file: RemoteFile) -> RemoteFile:
    return replace(file, id=f"{file.parent_id}:{file.name}")


def dates_files_by_the_clock(file: RemoteFile) -> RemoteFile:
    now = datetime.now(UTC)
    return replace(file, updated_at=Timestamp(now.strftime("%Y-%m-%dT%H:%M:%S.") + f"{now.microsecond // 1000:03d}Z"))


def writes_empty_text(file: RemoteFile) -> RemoteFile:
    return replace(file, created_by="")


def writes_times_of_its_own(file: RemoteFile) -> RemoteFile:
    return replace(file, updated_at=Timestamp("2026-03-01 10:00:00"))


def types_with_a_dot(file: RemoteFile) -> RemoteFile:
    return replace(file, file_type=f".{file.file_type}")


def shuffles_extra(file: RemoteFile) -> RemoteFile:
    return replace(file, extra='{"b": 1, "a": 2}')


def calls_everything_removed(batch: Batch) -> Batch:
    return replace(batch, gone=Gone.REMOVED) if isinstance(batch, Resolved) and batch.gone else batch


def calls_everything_still_there(batch: Batch) -> Batch:
    return replace(batch, gone=None) if isinstance(batch, Resolved) else batch


def says_nothing(_batch: Batch) -> None:
    return None


def calls_locked_folders_empty(batch: Batch) -> Batch:
    return FolderListed(batch.folder_id, (), ()) if isinstance(batch, Unreadable) else batch


def passes_locked_folders_over(batch: Batch) -> Batch | None:
    return None if isinstance(batch, Unreadable) else batch


def fails_for_a_locked_folder(batch: Batch) -> Batch:
    if isinstance(batch, Unreadable):
        raise FilesyncError("a folder is locked")
    return batch


def gives_no_reason(batch: Batch) -> Batch:
    return replace(batch, reason="") if isinstance(batch, Unreadable) else batch


def never_looks_at_a_locked_folder_again(
    _provider: ShelfProvider, batches: Iterator[Batch], known: Known
) -> Iterator[Batch]:
    for batch in batches:
        folder = known.folder(batch.folder_id) if isinstance(batch, FolderListed) else None
        if folder is None or folder.readable:
            yield batch


def remembers_a_set(batch: Batch) -> Batch:
    return replace(batch, state={"seen": {"a"}}) if isinstance(batch, FolderListed) else batch


def remembers_a_tuple(batch: Batch) -> Batch:
    return replace(batch, state={"seen": ("a",)}) if isinstance(batch, FolderListed) else batch


def remembers_ahead_of_its_rows(_provider: ShelfProvider, batches: Iterator[Batch], known: Known) -> Iterator[Batch]:
    """Note a folder as read, with a batch of its own, before its rows are handed over; and read no folder twice."""
    done = list(known.state.get("done", ()))
    for batch in batches:
        if isinstance(batch, FolderListed) and batch.folder_id in done:
            continue
        if isinstance(batch, FolderListed):
            done = [*done, batch.folder_id]
            yield Page(state={"done": done})
        yield batch
    yield Page(state={"done": []})


def lets_python_speak(provider: ShelfProvider, _batches: Iterator[Batch], _known: Known) -> Iterator[Batch]:
    yield Rooted(RemoteFolder("root", "", None))
    provider.index.read_text(encoding="utf-8")


def takes_silence_for_emptiness(_provider: ShelfProvider, batches: Iterator[Batch], _known: Known) -> Iterator[Batch]:
    try:
        yield from batches
    except FilesyncError:
        yield Rooted(RemoteFolder("root", "", None))
        yield FolderListed("root", (), ())


def takes_silence_for_removal(provider: ShelfProvider, batches: Iterator[Batch], _known: Known) -> Iterator[Batch]:
    try:
        yield from batches
    except FilesyncError:
        yield from (Resolved(f"item-{number}", Gone.REMOVED) for number in range(1, 11))


def leaves_a_thread(_provider: ShelfProvider, batches: Iterator[Batch], _known: Known) -> Iterator[Batch]:
    over = threading.Event()
    threading.Thread(target=over.wait, args=(10.0,), daemon=True).start()
    yield from batches


def roots_twice(_provider: ShelfProvider, batches: Iterator[Batch], _known: Known) -> Iterator[Batch]:
    for batch in batches:
        yield batch
        if isinstance(batch, Rooted):
            yield batch


def resolves_while_reading(_provider: ShelfProvider, batches: Iterator[Batch], _known: Known) -> Iterator[Batch]:
    yield from batches
    yield Resolved("item-1", Gone.REMOVED)


def never_roots(_provider: ShelfProvider, _batches: Iterator[Batch], _known: Known) -> Iterator[Batch]:
    yield from ()


def answers_something_else(batch: Batch) -> Batch:
    return FoldersKnown()


def shows_files_without_their_versions(shown: Shown, _asked: Candidate) -> Shown:
    return replace(shown, item=replace(shown.item, version=None)) if isinstance(shown.item, RemoteFile) else shown


def shows_folders_in_capitals(shown: Shown, _asked: Candidate) -> Shown:
    folder = shown.item
    return replace(shown, item=replace(folder, name=folder.name.upper())) if isinstance(folder, RemoteFolder) else shown


def passes_folders_over(shown: Shown, asked: Candidate) -> Shown | None:
    return None if asked.is_folder else shown


def shows_everything_twice(all_shown: Iterator[Shown], _items: Sequence[Candidate]) -> Iterator[Shown]:
    for shown in all_shown:
        yield from (shown, shown)


def writes_times_of_change_of_its_own(shown: Shown, _asked: Candidate) -> Shown:
    return replace(shown, changed_at=Timestamp("2026-03-01 10:00:00"))


def remembers_what_it_showed() -> LookBreak:
    first: dict[str, Shown] = {}
    return each_shown(lambda shown, _asked: first.setdefault(shown.id, shown))


def believes_the_row(shown: Shown, asked: Candidate) -> Shown:
    return replace(shown, item=replace(shown.item, parent_id=asked.parent_id), way=()) if shown.item else shown


def gives_no_way(shown: Shown, _asked: Candidate) -> Shown:
    return replace(shown, way=())


def gives_the_way_upside_down(shown: Shown, _asked: Candidate) -> Shown:
    return replace(shown, way=shown.way[::-1])


def shows_what_is_gone(shown: Shown, asked: Candidate) -> Shown:
    return shown if shown.item else replace(shown, item=RemoteFile(asked.id, "ghost", asked.parent_id), gone=None)


def says_not_why(shown: Shown, _asked: Candidate) -> Shown:
    return replace(shown, gone=None)


def says_of(fate: Gone, other: Gone) -> LookBreak:
    return each_shown(lambda shown, _asked: replace(shown, gone=other) if shown.gone is fate else shown)


def stops_at_what_it_cannot_see(shown: Shown, _asked: Candidate) -> Shown:
    if shown.gone:
        raise FilesyncError("no such item, or it is locked")
    return shown


def passes_over_what_it_cannot_see(shown: Shown, _asked: Candidate) -> Shown | None:
    return shown if shown.item else None


def takes_failures_for_removal(all_shown: Iterator[Shown], items: Sequence[Candidate]) -> Iterator[Shown]:
    try:
        yield from all_shown
    except FilesyncError:
        yield from (Shown(item.id, None, Gone.REMOVED) for item in items)


def takes_failures_for_the_end(all_shown: Iterator[Shown], _items: Sequence[Candidate]) -> Iterator[Shown]:
    with suppress(FilesyncError):
        yield from all_shown


def calls_everything_removed_and_fails(all_shown: Iterator[Shown], items: Sequence[Candidate]) -> Iterator[Shown]:
    yield from takes_failures_for_removal(all_shown, items)
    raise FilesyncError("some requests failed")


def leaves_a_looking_thread(all_shown: Iterator[Shown], _items: Sequence[Candidate]) -> Iterator[Shown]:
    threading.Thread(target=threading.Event().wait, args=(10.0,), daemon=True).start()
    yield from all_shown


EMPTY = "test_an_empty_scope_is_listed_without_complaint"
SIZES = "test_folders_of_every_size_around_a_page_are_listed_whole"
TWICE = "test_a_second_sync_writes_nothing"
RENAMED = "test_a_renamed_file_keeps_its_row"
TRASHED = "test_a_trashed_file_is_gone_and_says_why"
LOCKED = "test_a_locked_folder_is_unreadable_from_the_first"
LOCKED_LATER = "test_a_folder_that_becomes_unreadable_keeps_what_was_known_below"
STOPPED = "test_a_first_listing_stopped_anywhere_ends_with_the_same_rows"
DOWN = "test_a_service_that_is_down_is_a_failure_with_a_name"
DOWN_LATER = "test_a_service_that_goes_down_on_the_way_removes_nothing"

READS: Mapping[Break, str] = {
    starts_with_a_page: EMPTY,
    roots_twice: EMPTY,
    never_roots: EMPTY,
    resolves_while_reading: TWICE,
    each(reads_the_first_page_only): SIZES,
    states_everything_at_once: SIZES,
    stops_fifty_levels_down: "test_sixty_levels_are_listed_to_the_bottom",
    each(loses_folders_without_files): "test_empty_folders_and_folders_of_folders_are_listed",
    each_file(tidies_names): "test_odd_names_arrive_as_people_wrote_them",
    each_file(is_known_by_its_name): RENAMED,
    each_file(dates_files_by_the_clock): TWICE,
    each_file(writes_empty_text): TWICE,
    each_file(writes_times_of_its_own): TWICE,
    each_file(types_with_a_dot): TWICE,
    each_file(shuffles_extra): TWICE,
    each(calls_locked_folders_empty): LOCKED_LATER,
    each(passes_locked_folders_over): LOCKED,
    each(fails_for_a_locked_folder): LOCKED,
    each(gives_no_reason): LOCKED,
    never_looks_at_a_locked_folder_again: LOCKED,
    each(remembers_a_set): TWICE,
    each(remembers_a_tuple): TWICE,
    remembers_ahead_of_its_rows: STOPPED,
    lets_python_speak: DOWN,
    takes_silence_for_emptiness: DOWN,
    leaves_a_thread: "test_a_closed_generator_leaves_no_thread_behind",
}
RESOLVES: Mapping[Break, str] = {
    each(calls_everything_removed): TRASHED,
    each(calls_everything_still_there): TRASHED,
    each(says_nothing): TRASHED,
    each(answers_something_else): TRASHED,
}
LOOKED_UP = "test_what_is_looked_up_is_what_a_listing_says_and_what_happened_since"
UNSEEN = "test_what_is_gone_or_may_not_be_seen_is_looked_up_as_such_and_spoils_nothing"
LOOK_DOWN = "test_a_look_up_of_a_service_that_is_down_fails_and_calls_nothing_gone"
LOOKS: Sequence[tuple[LookBreak, str, str]] = (
    (each_shown(shows_files_without_their_versions), LOOKED_UP, "rows when nothing happened: 6 differ"),
    (each_shown(shows_folders_in_capitals), LOOKED_UP, "rows when nothing happened: 4 differ"),
    (each_shown(passes_folders_over), LOOKED_UP, "said nothing of"),
    (shows_everything_twice, LOOKED_UP, "answered twice"),
    (each_shown(writes_times_of_change_of_its_own), LOOKED_UP, "no timestamp of ours"),
    (remembers_what_it_showed(), LOOKED_UP, "items that changed: 3 differ"),
    (each_shown(believes_the_row), LOOKED_UP, "items that moved: 3 differ"),
    (each_shown(gives_no_way), LOOKED_UP, r"the way to b.dwg is \[\]"),
    (each_shown(gives_the_way_upside_down), LOOKED_UP, "the way to b.dwg"),
    (each_shown(stops_at_what_it_cannot_see), UNSEEN, "failed, although the service is well"),
    (each_shown(passes_over_what_it_cannot_see), UNSEEN, "said nothing of"),
    (each_shown(shows_what_is_gone), UNSEEN, "which never was, is there"),
    (each_shown(says_not_why), UNSEEN, "and not both"),
    (says_of(Gone.REMOVED, Gone.TRASHED), UNSEEN, "which never was, is trashed"),
    (says_of(Gone.ACCESS_LOST, Gone.OUT_OF_SCOPE), UNSEEN, "which may not be seen, is out_of_scope"),
    (says_of(Gone.REMOVED, Gone.ACCESS_LOST), UNSEEN, "items that are gone: 1 differ"),
    (says_of(Gone.TRASHED, Gone.REMOVED), UNSEEN, "items that are gone: 2 differ"),
    (says_of(Gone.OUT_OF_SCOPE, Gone.REMOVED), UNSEEN, "items that are gone: 2 differ"),
    (takes_failures_for_removal, LOOK_DOWN, "was not said to be"),
    (takes_failures_for_the_end, LOOK_DOWN, "was not said to be"),
    (calls_everything_removed_and_fails, LOOK_DOWN, "items before it was down"),
    (leaves_a_looking_thread, LOOK_DOWN, "lives on"),
)


def test_it_passes_a_provider_that_keeps_its_promises_in_every_test_that_a_break_must_fail() -> None:
    for name in {*READS.values(), *RESOLVES.values(), *(name for _, name, _ in LOOKS)}:
        run(ShelfKind(), name)


@pytest.mark.parametrize(("broken", "name"), READS.items())
def test_it_fails_a_provider_that_breaks_a_promise_while_reading(broken: Break, name: str) -> None:
    with pytest.raises((AssertionError, OSError)):
        run(BrokenKind(read=broken), name)


@pytest.mark.parametrize(("broken", "name"), RESOLVES.items())
def test_it_fails_a_provider_that_breaks_a_promise_while_resolving(broken: Break, name: str) -> None:
    with pytest.raises(AssertionError):
        run(BrokenKind(resolve=broken), name)


@pytest.mark.parametrize(("broken", "name", "words"), LOOKS)
def test_it_fails_a_provider_that_breaks_a_promise_while_looking_up(broken: LookBreak, name: str, words: str) -> None:
    with pytest.raises(AssertionError, match=words):
        run(BrokenLookKind(broken), name)


def test_it_fails_a_provider_that_shows_items_one_by_one_as_something_else() -> None:
    with pytest.raises(AssertionError, match="one by one"):
        run(BrokenLookKind(each_shown(shows_folders_in_capitals), singly=True), LOOKED_UP)


@pytest.mark.parametrize("name", [LOOKED_UP, UNSEEN, LOOK_DOWN])
def test_a_provider_that_looks_nothing_up_is_skipped_with_a_reason(name: str) -> None:
    with pytest.raises(SkipTest, match="does not look items up by id"):
        run(BrokenKind(), name)


def test_it_fails_a_provider_that_takes_a_service_that_is_down_for_one_that_is_empty() -> None:
    with pytest.raises(AssertionError, match="files were lost"):
        run(BrokenKind(read=takes_silence_for_emptiness, resolve=takes_silence_for_removal), DOWN_LATER)


def test_it_fails_a_kind_that_asks_while_it_opens() -> None:
    class Asks(ShelfKind):
        def open(self, details: Any, surroundings: Surroundings) -> Provider:
            provider = super().open(details, surroundings)
            assert isinstance(provider, ShelfProvider)
            next(provider.read(None))  # type: ignore[arg-type]
            return provider

    with pytest.raises(AssertionError, match="open must not ask"):
        run(Asks(), "test_opening_an_endpoint_asks_nothing")


def test_it_fails_a_scope_that_differs_with_the_filters() -> None:
    class Filtered(ShelfKind):
        def scope(self, details: Any) -> Mapping[str, Any]:
            return {**super().scope(details), "file_types": list(details.file_types)}

    with pytest.raises(AssertionError, match="filters do not make another endpoint"):
        run(Filtered(), "test_the_scope_is_plain_json_and_leaves_the_filters_out")


def test_what_a_service_cannot_do_is_skipped_with_a_reason() -> None:
    class NoTrash(ShelfGround):
        def trash(self, item: str) -> None:
            raise Unsupported("the archive throws nothing away")

    class Case(Shelf):
        kind = ShelfKind()

        @contextmanager
        def ground(self, folder: Path) -> Iterator[ServiceDriver]:
            yield NoTrash(folder)

    case = Case()
    case.setup_method()
    with pytest.raises(SkipTest, match="throws nothing away"):
        case.test_a_trashed_file_is_gone_and_says_why()
    case.teardown_method()


class TestExample(Shelf):
    """The provider of docs/example-provider, whose own test says the same."""

    kind = ShelfKind()
    patience = 5.0
