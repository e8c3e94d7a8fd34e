"""What becomes of things that a listing should have shown: every fate, and what it costs to learn it."""

import pytest

from filesync.core.errors import NotAdmittedError
from filesync.core.model import Candidate, Gone, Page, Resolved
from filesync.simulators.acc import AccSimulator
from filesync.simulators.faults import status
from tests.autodesk_memory import Memory, Open, make_tree, truth

pytest_plugins = ("tests.autodesk_stage",)


@pytest.fixture
def ids(docs: AccSimulator, project: str) -> dict[str, str]:
    return make_tree(docs, project)


@pytest.fixture
def memory(ids: dict[str, str], connect: Open) -> Memory:
    """Know the tree as it was at first; from then on every folder is read in every sync."""
    memory = Memory()
    memory.sync(connect())
    memory.full = True
    return memory


def test_hidden_files_are_trashed_at_one_request_for_fifty(
    docs: AccSimulator, project: str, ids: dict[str, str], memory: Memory, connect: Open
) -> None:
    files = [docs.add_file(ids["A"], f"{number}.pdf") for number in range(60)]
    memory.sync(connect())
    for file in files:
        docs.hide_file(file)
    memory.sync(connect())
    assert memory.inventory() == truth(docs, project)
    assert memory.gone == dict.fromkeys(files, Gone.TRASHED)
    assert (docs.count("commands"), docs.count("item")) == (2, 0)


def test_a_hidden_file_is_trashed_although_its_version_says_nothing(
    docs: AccSimulator, project: str, ids: dict[str, str], memory: Memory, connect: Open
) -> None:
    docs.rules.deletion_adds_version = False
    docs.hide_file(ids["A1"])
    memory.sync(connect())
    assert memory.gone == {ids["A1"]: Gone.TRASHED}


def test_a_file_that_moved_into_a_trashed_folder_is_trashed(
    docs: AccSimulator, project: str, ids: dict[str, str], memory: Memory, connect: Open
) -> None:
    new = docs.add_folder(ids["D"], "new")
    docs.move_file(ids["A1"], docs.add_folder(new, "newer"))
    docs.hide_folder(new)
    memory.sync(connect())
    assert memory.inventory() == truth(docs, project)
    assert memory.gone == {ids["A1"]: Gone.TRASHED}


def test_one_forbidden_and_one_purged_file_among_many(
    docs: AccSimulator, project: str, ids: dict[str, str], memory: Memory, connect: Open
) -> None:
    files = [docs.add_file(ids["A"], f"{number}.pdf") for number in range(50)]
    memory.sync(connect())
    for file in files[:48]:
        docs.hide_file(file)
    docs.revoke_access(files[48])
    docs.remove_for_good(files[49])
    memory.sync(connect())
    assert memory.inventory() == truth(docs, project)
    assert memory.gone[files[48]] == Gone.ACCESS_LOST
    assert memory.gone[files[49]] == Gone.REMOVED
    assert docs.count("commands") + docs.count("item") < 16


def test_ids_that_the_command_leaves_out_are_asked_alone(
    docs: AccSimulator, project: str, ids: dict[str, str], memory: Memory, connect: Open
) -> None:
    docs.rules.list_items_all_or_nothing = False
    docs.hide_file(ids["A1"])
    docs.remove_for_good(ids["A2"])
    memory.sync(connect())
    assert memory.inventory() == truth(docs, project)
    assert memory.gone == {ids["A1"]: Gone.TRASHED, ids["A2"]: Gone.REMOVED}
    assert (docs.count("commands"), docs.count("item")) == (1, 1)


def test_a_file_that_moved_into_a_folder_that_was_not_read_is_shown_there(
    docs: AccSimulator, project: str, ids: dict[str, str], connect: Open
) -> None:
    memory = Memory()
    memory.sync(connect())
    docs.move_file(ids["A1"], ids["D"])
    provider = connect()
    shown = list(provider.resolve([Candidate(ids["A1"], is_folder=False, parent_id=ids["A"])], memory))
    assert [type(batch) for batch in shown] == [Page]
    memory.put(shown[0])
    assert memory.inventory() == truth(docs, project)


def test_a_file_that_moved_into_an_unknown_folder_comes_with_the_way_to_it(
    docs: AccSimulator, project: str, ids: dict[str, str], connect: Open
) -> None:
    memory = Memory()
    memory.sync(connect())
    deep = docs.add_folder(docs.add_folder(ids["D"], "new"), "newer")
    moved = [ids["A1"], ids["A2"]]
    for file in moved:
        docs.move_file(file, deep)
    provider = connect()
    for batch in provider.resolve([Candidate(file, is_folder=False, parent_id=ids["A"]) for file in moved], memory):
        memory.put(batch)
    assert memory.inventory() == truth(docs, project)
    assert (docs.count("commands"), docs.count("folder")) == (1, 2)


def test_what_leaves_the_endpoints_folder_is_out_of_scope(
    docs: AccSimulator, project: str, ids: dict[str, str], connect: Open
) -> None:
    memory = Memory()
    memory.sync(connect(folder_id=ids["A"]))
    docs.move_file(ids["A1"], ids["D"])
    docs.move_folder(ids["C"], ids["D"])
    memory.full = True
    memory.sync(connect(folder_id=ids["A"]))
    assert memory.inventory() == truth(docs, project, folder=ids["A"])
    assert memory.gone == {ids["A1"]: Gone.OUT_OF_SCOPE, ids["C"]: Gone.OUT_OF_SCOPE}
    assert docs.count("item") == 1
    assert docs.count("folder") == 1 + 1 + 2  # the endpoint's; C; D and the one above it, once for both


def test_what_moves_into_a_folder_that_is_left_out_is_out_of_scope(
    docs: AccSimulator, project: str, ids: dict[str, str], memory: Memory, connect: Open
) -> None:
    photos = next(f.id for f in docs.projects[project].root.folders.values() if f.name == "Photos")
    docs.move_folder(ids["A"], photos)
    memory.sync(connect())
    assert memory.inventory() == truth(docs, project)
    assert memory.gone == {ids["A"]: Gone.OUT_OF_SCOPE}


def test_a_system_folder_that_is_left_out_from_now_on_is_out_of_scope(
    docs: AccSimulator, project: str, ids: dict[str, str], connect: Open
) -> None:
    memory = Memory()
    memory.sync(connect(include_system_folders=True))
    memory.sync(connect())
    assert memory.inventory() == truth(docs, project)
    assert len(memory.gone) == 12
    assert set(memory.gone.values()) == {Gone.OUT_OF_SCOPE}


@pytest.mark.parametrize(
    ("vanish", "fate"),
    [("hide_folder", Gone.TRASHED), ("remove_for_good", Gone.REMOVED), ("revoke_access", Gone.ACCESS_LOST)],
)
def test_a_vanished_folder_is_asked_once_for_all_below_it(
    docs: AccSimulator, project: str, ids: dict[str, str], memory: Memory, connect: Open, vanish: str, fate: Gone
) -> None:
    docs.rules.hide_revoked = True
    getattr(docs, vanish)(ids["A"])
    memory.sync(connect())
    assert memory.inventory() == truth(docs, project)
    assert memory.gone == {ids["A"]: fate}
    control = 0 if fate is Gone.TRASHED else 1  # what rests on a refusal needs something that is not refused
    assert docs.count() == 1 + 2 + 1 + control  # top folders; Project Files and D; A itself


def test_a_moved_folder_is_read_at_its_new_place_without_a_look_up(
    docs: AccSimulator, project: str, ids: dict[str, str], memory: Memory, connect: Open
) -> None:
    docs.move_folder(ids["B"], ids["D"])
    memory.sync(connect())
    assert memory.inventory() == truth(docs, project)
    assert not memory.gone
    assert docs.count() == 1 + 5


def test_a_folder_that_moved_where_nobody_looked_is_shown_there(
    docs: AccSimulator, project: str, ids: dict[str, str], connect: Open
) -> None:
    memory = Memory()
    memory.sync(connect())
    docs.move_folder(ids["B"], docs.add_folder(ids["D"], "new"))
    provider = connect()
    (page,) = provider.resolve([Candidate(ids["B"], is_folder=True, parent_id=ids["A"])], memory)
    memory.put(page)
    assert memory.inventory() == truth(docs, project)


def test_what_a_listing_lagged_behind_is_still_there(
    docs: AccSimulator, project: str, ids: dict[str, str], memory: Memory, connect: Open
) -> None:
    candidates = [
        Candidate(ids["A1"], is_folder=False, parent_id=ids["A"]),
        Candidate(ids["C"], is_folder=True, parent_id=ids["B"]),
    ]
    found = list(connect().resolve(candidates, memory))
    assert found == [Resolved(ids["C"], None), Resolved(ids["A1"], None)]  # folders first


def test_a_refusal_of_the_whole_app_decides_nothing(
    docs: AccSimulator, ids: dict[str, str], memory: Memory, connect: Open
) -> None:
    provider = connect()
    body = b'{"developerMessage":"Token does not have the privilege for this request.","errorCode":"AUTH-010"}'
    docs.faults.fail(status(403, body), times=None)
    for names in (["A1"], ["A1", "A2"], ["A"]):
        candidates = [Candidate(ids[name], is_folder=name == "A", parent_id=ids["top"]) for name in names]
        with pytest.raises(NotAdmittedError, match="data:read"):
            list(provider.resolve(candidates, memory))
    assert docs.count() == 3
