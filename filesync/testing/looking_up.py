"""Looking up: what single items are now, asked by id, is what a listing would say, or that they are gone, and why."""

import threading
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress

from filesync.core.errors import FilesyncError
from filesync.core.model import Candidate, Gone, Page, RemoteFile, RemoteFolder, Shown
from filesync.providers.base import Known, LooksUp
from filesync.testing.assertions import claim, claim_same
from filesync.testing.recording_provider import TIMESTAMP, check
from filesync.testing.service_driver import Unsupported
from filesync.testing.stage import Stage

_UNSEEN = (Gone.ACCESS_LOST, Gone.REMOVED)  # many services say of what may not be seen that there is no such thing
_FEW = ("Older", "Letters", "a.pdf", "b.dwg")  # looked up while the service is down


class LookingUp(Stage):
    """What `look_up` promises, on which `filesync verify` stands; skipped for providers without it."""

    def test_what_is_looked_up_is_what_a_listing_says_and_what_happened_since(self) -> None:
        ids = self._list()
        self._claim_rows("when nothing happened")
        self._claim_rows("when nothing happened, one by one", singly=True)
        self.site.rename(ids["a.pdf"], "renamed.dwg")
        self.site.rename(ids["Letters"], "Mail")
        self.site.new_version(ids["d.ifc"], 4321)
        self._claim_shown(self._look(), "that changed")
        with suppress(Unsupported):
            self._claim_ways(ids)

    def test_what_is_gone_or_may_not_be_seen_is_looked_up_as_such_and_spoils_nothing(self) -> None:
        """Expect a removed item to be gone at once, and what lay below it once a sync saw that its folder went."""
        ids = self._list()
        self._claim_strangers(ids)
        with suppress(Unsupported):
            self._claim_locked(ids["Old"])
        fates = self._let_go(ids)
        below = {id_: fate for folder, fate in fates.items() for id_ in self._all_below(folder)}
        shown = self._look()
        self._claim_fates(shown, fates)
        self._claim_shown(_without(shown, {*fates, *below}), "beside what is gone")
        self.listed.complete(full=not self.there.is_prompt)
        self._claim_fates(self._look(), {**fates, **below})

    def test_a_look_up_of_a_service_that_is_down_fails_and_calls_nothing_gone(self) -> None:
        ids = self._list()
        few = [self.items[ids[name]] for name in _FEW]
        before = set(threading.enumerate())
        for after in (0, 2):
            self.there.break_down(after=after)
            try:
                shown, failed = self._look_until_it_fails(few)
            finally:
                self.claim_ended(before, f"look_up: down after {after} requests")
                self.there.mend()
            claim(failed or after, "look_up: a service that is down was not said to be")
            claim(failed or len(shown) == len(_FEW), f"look_up: down after {after} requests, and silent of some items")
            self._claim_shown(shown, f"before it was down after {after} requests")

    def _list(self) -> dict[str, str]:
        """Grow a tree, and list it; `items` are what the rows say then."""
        ids = self.site.grow()
        self.there.settle()
        self.listed = self.inventory()
        self.listed.complete()
        nodes = self.site.nodes.values()
        self.items = {node.id: Candidate(node.id, node.size is None, node.parent) for node in nodes}
        return ids

    def _claim_ways(self, ids: Mapping[str, str]) -> None:
        """Move things into folders that the store does not have, and into one that it has."""
        outer = self.site.add_folder(self.site.root, "new folder")
        inner = self.site.add_folder(outer, "newer folder")
        for name, parent in (("a.pdf", ids["Letters"]), ("b.dwg", inner), ("Old", inner)):
            self.site.move(ids[name], parent)
        shown = self._look()
        self._claim_shown(shown, "that moved")
        for name, way in (("a.pdf", []), ("b.dwg", [outer, inner]), ("Old", [outer, inner]), ("c.pdf", [])):
            found = [(folder.id, folder.name, folder.parent_id) for folder in shown[ids[name]].way]
            wanted = [(node.id, node.name, node.parent) for node in map(self.site.nodes.__getitem__, way)]
            claim(found == wanted, f"look_up: the way to {name} is {found}, not {wanted}")

    def _claim_strangers(self, ids: Mapping[str, str]) -> None:
        """Ask for ids that never were, among those that are."""
        file = Candidate(self._unknown_like(ids["a.pdf"]), is_folder=False, parent_id=ids["Plans"])
        folder = Candidate(self._unknown_like(ids["Old"], file.id), is_folder=True, parent_id=ids["Plans"])
        self._claim_unseen(self._look(file, folder), {file.id, folder.id}, "never was")

    def _claim_locked(self, folder: str) -> None:
        """Lock a folder: by id a service may show what is in it all the same, but as nothing else than it is."""
        self.there.lock_out(folder)
        shown = self._look()
        hidden = {id_ for id_ in (folder, *self._all_below(folder)) if shown[id_].item is None}
        self._claim_unseen(shown, hidden, "may not be seen")
        self.there.let_in(folder)

    def _let_go(self, ids: Mapping[str, str]) -> dict[str, Gone]:
        """Let files and folders go in every way that the service has; return by id what they are then."""
        fates: dict[str, Gone] = {}
        for act, name, fate in (
            (self.site.trash, "a.pdf", Gone.TRASHED),
            (self.site.trash, "Letters", Gone.TRASHED),
            (self.site.remove, "b.dwg", Gone.REMOVED),
            (self.site.move_out, "f.txt", Gone.OUT_OF_SCOPE),
            (self.site.move_out, "Old", Gone.OUT_OF_SCOPE),
        ):
            with suppress(Unsupported):
                act(ids[name])
                fates[ids[name]] = fate
        if not fates:
            raise Unsupported("nothing ever leaves this service")
        return fates

    def _all_below(self, folder: str) -> list[str]:
        """Name the files and folders that were listed below a folder."""
        direct = [item.id for item in self.items.values() if item.parent_id == folder]
        return [*direct, *(id_ for child in direct for id_ in self._all_below(child))]

    def _claim_rows(self, when: str, *, singly: bool = False) -> None:
        """Claim that no column of any row differs from what is looked up."""
        with self.listed.comparing() as comparison:
            shown = _ask(comparison.service, list(self.items.values()), comparison.rows.known, singly=singly)
            files = [each for each in shown.values() if not self.items[each.id].is_folder]
            folders = [each for each in shown.values() if self.items[each.id].is_folder]
            compared = comparison.rows.compare(files, folders)
        claim_same({each.path: each.differences for each in compared}, {}, f"look_up: rows {when}")

    def _look(self, *others: Candidate) -> dict[str, Shown]:
        """Look up everything that was listed, with `others` among it, by what the store knows since then."""
        self.there.settle()
        items = list(self.items.values())
        with self.listed.comparing() as comparison:
            return _ask(comparison.service, [*items[:2], *others, *items[2:]], comparison.rows.known)

    def _look_until_it_fails(self, items: Sequence[Candidate]) -> tuple[dict[str, Shown], bool]:
        """Return what was shown, and whether a failure with a name was its end."""
        shown: dict[str, Shown] = {}
        with self.listed.comparing() as comparison:
            try:
                for each in comparison.service.look_up(items, comparison.rows.known):
                    shown[each.id] = each
            except FilesyncError:
                return shown, True
        return shown, False

    def _claim_shown(self, shown: Mapping[str, Shown], when: str) -> None:
        """Claim that these are shown as they are in the service now."""
        nodes = self.site.nodes
        wanted = {id_: (nodes[id_].name, nodes[id_].parent, nodes[id_].size) for id_ in shown}
        claim_same({id_: _facts(each) for id_, each in shown.items()}, wanted, f"look_up: items {when}")

    def _claim_fates(self, shown: Mapping[str, Shown], fates: Mapping[str, Gone]) -> None:
        wanted = {id_: f"gone: {fate}" for id_, fate in fates.items()}
        claim_same({id_: _facts(shown[id_]) for id_ in fates}, wanted, "look_up: items that are gone")

    def _claim_unseen(self, shown: Mapping[str, Shown], unseen: Collection[str], which: str) -> None:
        for id_ in unseen:
            gone = shown[id_].gone
            claim(gone in _UNSEEN, f"look_up: {id_!r}, which {which}, is {gone or 'there'}")
        self._claim_shown(_without(shown, unseen), f"beside what {which}")

    def _unknown_like(self, item: str, *others: str) -> str:
        """Make an id of the service's own shape that it never gave."""
        taken = {*self.site.nodes, *others}
        return next(id_ for last in "0aB1" if (id_ := item[:-1] + last) not in taken)


def _without(shown: Mapping[str, Shown], ids: Collection[str]) -> dict[str, Shown]:
    return {id_: each for id_, each in shown.items() if id_ not in ids}


def _ask(service: LooksUp, items: Sequence[Candidate], known: Known, *, singly: bool = False) -> dict[str, Shown]:
    """Look items up, and claim that each was answered, once, by something that can be true."""
    shown: dict[str, Shown] = {}
    try:
        for each in service.look_up(items, known, singly=singly):
            claim(each.id not in shown, f"look_up: answered twice for {each.id!r}")
            _check(each)
            shown[each.id] = each
    except FilesyncError as error:
        raise AssertionError(f"look_up: failed, although the service is well: {error}") from error
    silent = [item.id for item in items if item.id not in shown]
    claim(not silent, f"look_up: said nothing of {silent[:5]}")
    claim(len(shown) == len(items), "look_up: answered what was not asked")
    return shown


def _check(shown: Shown) -> None:
    """Check what one answer alone can prove."""
    item, where = shown.item, f"look_up: {shown.id!r}"
    claim((item is None) != (shown.gone is None), f"{where}: an item, or why it is gone, and not both")
    claim(item is None or item.id == shown.id, f"{where}: shows another item")
    check(Page(files=[item] if isinstance(item, RemoteFile) else [], folders=shown.way))
    check(Page(folders=[item] if isinstance(item, RemoteFolder) else []))
    moment = shown.changed_at
    claim(moment is None or TIMESTAMP.fullmatch(moment), f"{where}: {moment!r} is no timestamp of ours")


def _facts(shown: Shown) -> tuple[str, str | None, int | None] | str:
    item = shown.item
    if item is None:
        return f"gone: {shown.gone}"
    return item.name, item.parent_id, item.size if isinstance(item, RemoteFile) else None
