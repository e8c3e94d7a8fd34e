"""Failing: what cannot be read is said, removes nothing, and is read again as soon as it can be."""

import json

from filesync.core.errors import FilesyncError
from filesync.http import Counters
from filesync.providers.details import FilterDetails
from filesync.runtime.clock import Stop
from filesync.testing.assertions import claim
from filesync.testing.inventory import Inventory
from filesync.testing.stage import Stage


class Failing(Stage):
    """What a provider promises about the service's bad days."""

    def test_a_locked_folder_is_unreadable_from_the_first(self) -> None:
        ids = self.site.grow()
        self.there.lock_out(ids["Old"])
        self.there.settle()
        inventory = self.inventory()
        self._claim_partial(inventory, "Old")
        readable = self.site.files().keys() - set(self.site.below(ids["Old"]))
        claim(inventory.live().keys() == readable, "a locked folder: everything else is to be listed")
        self._let_in(ids["Old"], inventory)

    def test_a_folder_that_becomes_unreadable_keeps_what_was_known_below(self) -> None:
        ids = self.site.grow()
        self.there.settle()
        inventories = [self.inventory(name) for name in ("as usual", "listing afresh")]
        for inventory in inventories:
            inventory.complete()
        self.there.lock_out(ids["Old"])
        self.site.new_version(ids["a.pdf"], 777)
        self.there.settle()
        for inventory in inventories:
            self._claim_partial(inventory, "Old", full=inventory.name == "listing afresh" or not self.there.is_prompt)
            self._claim_partial(inventory, "Old")
            inventory.claim_truth("while a folder cannot be read")
        self._let_in(ids["Old"], *inventories)

    def test_what_happened_in_a_locked_folder_is_seen_once_it_opens(self) -> None:
        ids = self.site.grow()
        self.there.settle()
        inventory = self.inventory()
        inventory.complete()
        self.there.lock_out(ids["Old"])
        self.there.settle()
        self._claim_partial(inventory, "Old", full=True)
        self.site.add_file(ids["Older"], "new.pdf")
        self.site.rename(ids["c.pdf"], "renamed.pdf")
        self._let_in(ids["Old"], inventory)

    def test_a_service_that_is_down_is_a_failure_with_a_name(self) -> None:
        self.site.grow()
        self.there.settle()
        inventory = self.inventory()
        self.there.break_down()
        self._claim_failed(inventory)
        self.there.mend()
        inventory.complete()
        inventory.claim_truth("after the service came back")

    def test_a_service_that_goes_down_on_the_way_removes_nothing(self) -> None:
        self.site.grow()
        self.there.settle()
        for after in (1, 3, 7):
            inventory = self.inventory(f"down after {after} requests")
            inventory.complete()
            before = inventory.live().keys()
            self.there.break_down(after=after)
            outcome = inventory.sync(full=True)
            claim(outcome.status in {"failed", "success"}, f"{inventory.name}: ended as {outcome.status}")
            claim(inventory.live().keys() == before, f"{inventory.name}: files were lost")
            self.there.mend()
            self._come_back(inventory)

    def test_opening_an_endpoint_asks_nothing(self) -> None:
        self.there.break_down()
        stop = Stop(self.there.clock)
        connector = self.scene.connector(stop, Counters())
        try:
            self.scene.open(self.scene.details(), connector)
        except FilesyncError as error:
            raise AssertionError(f"open must not ask the service anything: {error}") from error
        finally:
            connector.close()
            self.there.mend()

    def test_details_have_the_filters_and_refuse_unknown_keys(self) -> None:
        model = self.kind.details()
        claim(issubclass(model, FilterDetails), "details: inherit filesync.providers.details.FilterDetails")
        claim(model.model_config.get("extra") == "forbid", "details: a misspelt key must be a mistake")

    def test_the_scope_is_plain_json_and_leaves_the_filters_out(self) -> None:
        scope = self.kind.scope(self.scene.details())
        claim(json.loads(json.dumps(dict(scope))) == dict(scope), "scope: must survive JSON")
        filtered = self.kind.scope(self.scene.details(file_types=["pdf"], exclude=["**/x/**"]))
        claim(filtered == scope, "scope: filters do not make another endpoint")

    def _claim_partial(self, inventory: Inventory, folder: str, *, full: bool = False) -> None:
        outcome = inventory.sync(full=full)
        claim(outcome.status == "partial", f"{inventory.name}: ended as {outcome.status}: {outcome.error_message}")
        claim(folder in (outcome.error_message or ""), f"{inventory.name}: does not name the folder {folder}")
        gone = inventory.gone()
        claim(not gone, f"{inventory.name}: an unreadable folder removed {len(gone)} files")

    def _let_in(self, folder: str, *inventories: Inventory) -> None:
        self.there.let_in(folder)
        self.there.settle()
        for inventory in inventories:
            inventory.complete()
            inventory.claim_truth("after the folder could be read again")

    def _claim_failed(self, inventory: Inventory) -> None:
        outcome = inventory.sync()
        claim(outcome.status == "failed", f"a service that is down: ended as {outcome.status}")
        message = outcome.error_message or ""
        claim(message and "\n" not in message, f"a service that is down: {message!r} is no line for people")

    def _come_back(self, inventory: Inventory) -> None:
        self.there.settle()
        inventory.complete(full=True)
        inventory.claim_truth(f"after it was {inventory.name}")
