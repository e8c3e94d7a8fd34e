"""The Autodesk provider against the simulated service, over real HTTP on loopback."""

import pytest

from filesync.core.errors import (
    AuthError,
    ForbiddenError,
    NotAdmittedError,
    NotFoundError,
    ResponseError,
    ServiceDownError,
    StoppedError,
)
from filesync.core.model import FolderListed, Page, RemoteFolder, Rooted
from filesync.providers.autodesk.hub_cache import ProjectPlace
from filesync.providers.autodesk.location import remembered
from filesync.runtime.clock import Stop
from filesync.simulators.acc import CLIENT_SECRET, AccSimulator
from filesync.simulators.faults import ENDLESS, hang, status
from tests.autodesk_memory import Memory, Open, People, make_tree, truth

pytest_plugins = ("tests.autodesk_stage",)


def test_the_first_sync_finds_everything_and_costs_the_folders_and_three(
    docs: AccSimulator, project: str, connect: Open
) -> None:
    make_tree(docs, project)
    memory = Memory()
    memory.sync(connect())
    assert memory.inventory() == truth(docs, project)
    assert docs.count() == 5 + 2 + 1  # folders; hubs and top folders; one hub to ask for the project


def test_a_known_hub_spares_the_search(docs: AccSimulator, hub: str, project: str, connect: Open) -> None:
    for name in ("Other", "Another"):
        docs.add_hub(name)
    memory = Memory()
    memory.sync(connect(hub_id=hub))
    assert docs.count() == 1 + 3
    assert docs.count("hubs") == 0


def test_the_project_is_found_in_the_last_of_several_hubs(docs: AccSimulator, connect: Open) -> None:
    docs.add_hub("Fusion", fusion=True)
    other = docs.add_project(docs.add_hub("Second", "US"), "Elsewhere")
    memory = Memory()
    memory.sync(connect(project_id=other))
    (rooted,) = [batch for batch in memory.batches if isinstance(batch, Rooted)]
    assert (rooted.project_name, rooted.hub_name, rooted.region) == ("Elsewhere", "Second", "US")
    assert rooted.project_id == other
    assert docs.count() == 1 + 2 + 2


def test_nothing_changed_costs_one_request(docs: AccSimulator, project: str, connect: Open) -> None:
    ids = make_tree(docs, project)
    for details in ({}, {"folder_id": ids["A"]}):
        memory = Memory()
        memory.sync(connect(**details))
        memory.sync(connect(**details))
        assert docs.count() == 1


def test_a_new_version_costs_one_request_a_level_and_one(docs: AccSimulator, project: str, connect: Open) -> None:
    ids = make_tree(docs, project)
    memory = Memory()
    memory.sync(connect())
    docs.add_version(ids["C1"], 999)
    memory.sync(connect())
    assert memory.inventory() == truth(docs, project)
    assert docs.count() == 1 + 4  # top folders; Project Files, A, B, C


def test_a_stamp_that_is_too_fresh_is_read_once_more(docs: AccSimulator, project: str, connect: Open) -> None:
    make_tree(docs, project)
    provider = connect()
    late = docs.add_file(docs.project_files(project), "late.pdf")  # within the second of the look
    memory = Memory()
    memory.sync(provider)
    docs.rename_file(late, "later.pdf")  # in the same second: the stamp stays
    memory.sync(connect())
    assert memory.inventory() == truth(docs, project)
    memory.sync(connect())
    assert docs.count() == 1


def test_a_folder_of_401_entries_is_read_to_its_end(docs: AccSimulator, project: str, connect: Open) -> None:
    top = docs.project_files(project)
    for number in range(400):
        docs.add_file(top, f"{number}.pdf")
    docs.add_folder(top, "last")
    memory = Memory()
    memory.sync(connect())
    assert memory.inventory() == truth(docs, project)
    assert len(memory.files) == 400
    pages = [batch for batch in memory.batches if isinstance(batch, Page)]
    (listed,) = [b for b in memory.batches if isinstance(b, FolderListed) and b.folder_id == top]
    assert len(pages) == 2
    assert max(len(page.files) for page in pages) <= 200
    assert len(listed.earlier) == 400
    assert not memory.gone


def test_a_link_that_leads_in_a_circle_is_refused(docs: AccSimulator, project: str, connect: Open) -> None:
    make_tree(docs, project)
    provider = connect()
    docs.faults.fail(ENDLESS, route="contents", times=None)
    with pytest.raises(ResponseError, match="contents"):
        Memory().sync(provider)
    assert docs.count() < 30


def test_an_unreadable_folder_is_named_and_the_rest_is_read(docs: AccSimulator, project: str, connect: Open) -> None:
    ids = make_tree(docs, project)
    docs.revoke_access(ids["B"])
    memory = Memory()
    memory.sync(connect())
    assert list(memory.unreadable) == [ids["B"]]
    assert "403" in memory.unreadable[ids["B"]]
    assert "\n" not in memory.unreadable[ids["B"]]
    assert {file.name for file in memory.files.values()} == {
        f"{f}{n}" for f in ("top", "A", "D") for n in ("1.pdf", "2.dwg")
    }
    memory.sync(connect())
    assert docs.count() == 2  # the top folders and the one that could not be read
    docs.grant_access(ids["B"])
    memory.sync(connect())
    assert memory.inventory() == truth(docs, project)


def test_an_app_without_the_api_fails_the_sync_and_not_one_folder(
    docs: AccSimulator, project: str, connect: Open
) -> None:
    make_tree(docs, project)
    memory = Memory()
    memory.sync(connect())
    memory.full = True
    provider = connect()
    refusal = (
        b'{"developerMessage":"The client_id specified does not have access to the api product","errorCode":"AUTH-001"}'
    )
    docs.faults.fail(status(403, refusal), route="contents", times=None)
    with pytest.raises(NotAdmittedError, match=r"OAUTH_SETUP\.md"):
        memory.sync(provider)


def test_system_folders_are_left_out_by_name_at_the_root_only(docs: AccSimulator, project: str, connect: Open) -> None:
    namesake = docs.add_folder(docs.project_files(project), "Photos")
    docs.add_file(namesake, "site.jpg")
    provider, memory = connect(), Memory()
    memory.sync(provider)
    assert memory.inventory() == truth(docs, project)
    assert {row.folder.name for row in memory.rows.values()} == {"", "Project Files", "Photos"}
    assert {"Photos", "Recycle Bin", "COST Root Folder"} < set(provider.left_out())
    assert "Project Files" not in provider.left_out()


def test_system_folders_are_listed_when_asked_for(docs: AccSimulator, project: str, connect: Open) -> None:
    provider, memory = connect(include_system_folders=True), Memory()
    memory.sync(provider)
    assert len(memory.rows) == 1 + 1 + 12
    assert provider.left_out() == []


def test_a_member_sees_his_deep_folder_at_its_real_path(docs: AccSimulator, project: str, connect: Open) -> None:
    ids = make_tree(docs, project)
    user = docs.add_user("Bob Example")
    docs.add_member(project, user, [ids["C"], ids["D"]])
    memory = Memory()
    memory.sync(connect(act_as_user=user))
    assert memory.inventory() == truth(docs, project, user=user)
    assert memory.files[ids["C1"]].name == "C1.pdf"
    memory.sync(connect(act_as_user=user))
    assert [request.query for request in docs.requests] == [{"excludeDeleted": "true"}]
    docs.add_member(project, user, [ids["D"]])
    memory.sync(connect(act_as_user=user))
    assert memory.inventory() == truth(docs, project, user=user)
    assert set(memory.gone.values()) == {"access_lost"}


def test_a_member_who_becomes_admin_sees_the_rest(docs: AccSimulator, project: str, connect: Open) -> None:
    ids = make_tree(docs, project)
    user = docs.add_user("Bob Example")
    docs.add_member(project, user, [ids["C"]])
    memory = Memory()
    memory.sync(connect(act_as_user=user))
    docs.add_member(project, user)
    memory.sync(connect(act_as_user=user))
    assert memory.inventory() == truth(docs, project, user=user)


def test_a_folder_endpoint_holds_its_subtree_only(docs: AccSimulator, project: str, connect: Open) -> None:
    ids = make_tree(docs, project)
    memory = Memory()
    memory.sync(connect(folder_id=ids["A"]))
    assert memory.inventory() == truth(docs, project, folder=ids["A"])
    docs.add_version(ids["B2"])
    memory.sync(connect(folder_id=ids["A"]))
    assert memory.inventory() == truth(docs, project, folder=ids["A"])
    assert docs.count() == 1 + 2


def test_a_deleted_or_unreadable_endpoint_folder_fails_the_sync(
    docs: AccSimulator, project: str, connect: Open
) -> None:
    ids = make_tree(docs, project)
    docs.hide_folder(ids["A"])
    with pytest.raises(NotFoundError, match="was deleted"):
        Memory().sync(connect(folder_id=ids["A"]))
    docs.revoke_access(ids["D"])
    with pytest.raises(ForbiddenError, match="folder_id"):
        Memory().sync(connect(folder_id=ids["D"]))


def test_an_endpoint_folder_whose_contents_are_refused_fails_the_sync(
    docs: AccSimulator, project: str, connect: Open
) -> None:
    ids = make_tree(docs, project)
    provider = connect(folder_id=ids["A"])
    docs.faults.fail(status(403), route="contents", times=None)
    with pytest.raises(ForbiddenError, match="folder contents"):
        Memory().sync(provider)


def test_the_projects_root_as_endpoint_folder_leaves_system_folders_out_too(
    docs: AccSimulator, project: str, connect: Open
) -> None:
    make_tree(docs, project)
    root = docs.root_folder(project)
    memory = Memory()
    memory.sync(connect(folder_id=root))
    assert memory.inventory() == truth(docs, project)
    assert {row.folder.name for row in memory.rows.values() if row.folder.parent_id == root} == {"Project Files"}


def test_an_app_that_the_account_does_not_know_is_a_login_matter(docs: AccSimulator, connect: Open) -> None:
    docs.add_app("stranger", CLIENT_SECRET, hubs=())
    with pytest.raises(AuthError, match="Custom Integrations"):
        Memory().sync(connect("stranger"))


def test_a_project_in_no_hub_is_said_so(docs: AccSimulator, hub: str, connect: Open) -> None:
    nowhere = "b.00000000-0000-4000-8000-000000000000"
    with pytest.raises(NotFoundError, match=r"in no hub that this login sees \(1\)"):
        Memory().sync(connect(project_id=nowhere))
    with pytest.raises(NotFoundError, match=f"not in hub {hub}"):
        Memory().sync(connect(project_id=nowhere, hub_id=hub))


def test_a_region_that_does_not_answer_is_nobodys_mistake(docs: AccSimulator, connect: Open) -> None:
    project = docs.add_project(docs.add_hub("Second", "US"), "Elsewhere")
    docs.regions_down = {"US"}
    with pytest.raises(ServiceDownError, match="region"):
        Memory().sync(connect(project_id=project))
    docs.regions_down = {"US", "EMEA"}
    with pytest.raises(ServiceDownError, match="region"):
        Memory().sync(connect(project_id=project))


def test_a_hub_that_is_not_there_is_named_by_its_setting(connect: Open) -> None:
    with pytest.raises(NotFoundError, match=r"endpoint_details\.hub_id"):
        Memory().sync(connect(hub_id="b.00000000-0000-4000-8000-000000000000"))


def test_an_archived_project_is_told_by_its_reason(docs: AccSimulator, project: str, connect: Open) -> None:
    memory = Memory()
    memory.sync(connect())
    docs.archive_project(project)
    for known in (memory, Memory()):
        with pytest.raises(ForbiddenError, match="archived or closed") as caught:
            known.sync(connect())
        assert caught.value.reason == "PROJECT_NOT_ACTIVE"
        assert docs.count() == (1 if known is memory else 2)  # nobody looks for it elsewhere


def test_a_project_that_is_not_where_it_was_is_looked_for_once_more(
    docs: AccSimulator, hub: str, project: str, connect: Open
) -> None:
    make_tree(docs, project)
    memory = Memory()
    memory.sync(connect())
    memory.state = {**memory.state, "hub_id": docs.add_hub("Former")}
    memory.sync(connect())
    assert memory.state["hub_id"] == hub
    assert memory.inventory() == truth(docs, project)
    memory.sync(connect())
    assert docs.count() == 1


def test_what_is_remembered_of_another_project_or_hub_is_not_used() -> None:
    place = ProjectPlace("b.p", "b.h", "root", "Tower", None, None)
    state = place.rooted(RemoteFolder("root", "", None)).state or {}
    assert remembered(state, "b.p", None) == remembered(state, "b.p", "b.h") == place
    assert remembered(state, "b.other", None) is remembered(state, "b.p", "b.other") is remembered({}, "b.p", None)


def test_credentials_are_missed_before_any_request(docs: AccSimulator, connect: Open) -> None:
    with pytest.raises(AuthError, match="CONNECTOR_AUTODESK_CLIENT_ID"):
        connect("")
    assert docs.requests == []


def test_a_stop_ends_a_crawl(docs: AccSimulator, project: str, connect: Open, stop: Stop) -> None:
    make_tree(docs, project)
    memory, provider = Memory(), connect()
    batches = provider.read(memory)
    memory.put(next(batches))
    memory.put(next(batches))
    stop.request()
    with pytest.raises(StoppedError):
        next(batches)
    assert docs.count() == 3


def test_leaving_a_crawl_early_waits_for_nobody(docs: AccSimulator, project: str, connect: Open) -> None:
    make_tree(docs, project)
    memory, provider = Memory(), connect()
    docs.faults.fail(hang(), route="contents", nth=2, times=None)
    batches = provider.read(memory)
    for batch in batches:
        memory.put(batch)
        if isinstance(batch, FolderListed) and batch.files:
            break
    batches.close()  # type: ignore[attr-defined]  # a generator, says the contract


def test_stale_folders_are_read_although_nothing_says_they_changed(
    docs: AccSimulator, project: str, connect: Open
) -> None:
    ids = make_tree(docs, project)
    memory = Memory()
    memory.sync(connect())
    docs.hide_file(ids["C1"])
    memory.sync(connect())
    assert ids["C1"] in memory.files  # the rollup did not show it
    memory.stale = [ids["C"], ids["D"]]
    memory.sync(connect())
    assert memory.inventory() == truth(docs, project)
    assert memory.gone == {ids["C1"]: "trashed"}
    assert docs.count() == 1 + 2 + 1


def test_a_full_listing_reads_every_folder_once(docs: AccSimulator, project: str, connect: Open) -> None:
    make_tree(docs, project)
    memory = Memory()
    memory.sync(connect())
    memory.full = True
    memory.sync(connect())
    assert docs.count() == 1 + 5
    assert docs.count("contents") == 5


@pytest.mark.parametrize("seed", range(4))
def test_whatever_people_do_the_next_full_listing_tells_the_truth(
    docs: AccSimulator, project: str, connect: Open, seed: int
) -> None:
    make_tree(docs, project)
    people, memory = People(docs, project, seed), Memory()
    memory.sync(connect())
    for round_number in range(12):
        people.work(8)
        memory.full = round_number % 3 == 2
        memory.sync(connect())
        assert not memory.unreadable
        assert docs.count("contents") <= len(memory.rows) + 2
        if memory.full:
            assert memory.inventory() == truth(docs, project)
