"""Who has which hubs and projects, and who may see what in them."""

import threading
from collections.abc import Iterable

from filesync.simulators.acc.records import NOBODY, AccIds, AccUser, Folder, Hub, Project, RegisteredApp
from filesync.simulators.clock import SimulatedClock

CLIENT_ID = "simulated-client"
CLIENT_SECRET = "not-a-secret"  # noqa: S105 - opens nothing but the simulator
CALLBACK = "http://localhost:8765/callback"
SCOPES = frozenset({"data:read", "data:search", "account:read", "viewables:read"})

# aps.md 2.6: what plain two-legged callers see at the top level beside people's own folders
SYSTEM_FOLDERS = (
    *("checklist_{guid}", "submittals-attachments", "Photos", "ProjectTb", "dailylog_{guid}", "issue_{guid}"),
    *("issues_{guid}", "correspondence-project-{guid}", "meetings-project-{guid}", "COST Root Folder"),
    *("Recycle Bin", "{guid}"),
)


class Accounts:
    """Hubs, projects, apps, users and members; every id it gives out is text, every id it takes must exist."""

    def __init__(self, clock: SimulatedClock, seed: int) -> None:
        self.lock = threading.RLock()
        self.clock = clock
        self.ids = AccIds(seed)
        self.apps: dict[str, RegisteredApp] = {}
        self.users: dict[str, AccUser] = {}
        self.hubs: dict[str, Hub] = {}
        self.projects: dict[str, Project] = {}
        self.folders: dict[str, Folder] = {}
        self.regions_down: set[str] = set()  # their hubs are missing from lists, with a warning
        self.add_app(CLIENT_ID, CLIENT_SECRET, callbacks=(CALLBACK,))
        self.default_user = self.users[self.add_user("Ann Example")]

    def add_app(
        self,
        client_id: str,
        client_secret: str | None,
        *,
        scopes: Iterable[str] = SCOPES,
        api_enabled: bool = True,
        hubs: Iterable[str] | None = None,
        callbacks: Iterable[str] = (),
    ) -> None:
        """Register an app, without a secret a public one.

        `hubs` lists where it is a Custom Integration, None: in every hub, (): in none.
        """
        entered = None if hubs is None else frozenset(hubs)
        app = RegisteredApp(client_id, client_secret, frozenset(scopes), api_enabled, entered, frozenset(callbacks))
        self.apps[client_id] = app

    def register_callback(self, client_id: str, uri: str) -> None:
        """Add a callback URL, to which a login may return when it names exactly this one."""
        self.apps[client_id].callbacks |= {uri}

    def add_user(self, name: str) -> str:
        user = AccUser(self.ids.short()[:16].upper(), name)
        self.users[user.id] = user
        return user.id

    def add_hub(self, name: str = "Example Construction", region: str = "US", *, fusion: bool = False) -> str:
        """Add an ACC account, or a Fusion hub, which has another type and an id that starts with `a.`."""
        guid = self.ids.guid()
        hub = Hub(f"a.{guid}", name, region, "hubs:autodesk.core:Hub") if fusion else Hub(f"b.{guid}", name, region)
        self.hubs[hub.id] = hub
        return hub.id

    def add_project(self, hub: str, name: str = "Example Tower", *, kind: str = "ACC") -> str:
        """Add a project with its top folders: `Project Files` (BIM360: and `Plans`) and the internal ones."""
        with self.lock:
            project = Project(f"b.{self.ids.guid()}", name, self.hubs[hub], kind)
            project.root = self.make_folder(project, None, f"{project.guid}-root-folder")
            self.projects[project.id] = project
            for template in SYSTEM_FOLDERS:
                self._add_system_folder(project, template.format(guid=self.ids.guid()))
            if kind == "BIM360":
                self.make_folder(project, project.root, "Plans").type = "plan"
            self.make_folder(project, project.root, "Project Files")
            return project.id

    def archive_project(self, project: str) -> None:
        self.projects[project].active = False

    def reopen_project(self, project: str) -> None:
        self.projects[project].active = True

    def rename_project(self, project: str, name: str) -> None:
        self.projects[project].name = name

    def add_member(self, project: str, user: str, folders: Iterable[str] | None = None) -> None:
        """Let a user in, as project admin (None) or with these folders and all below them; replaces what he had."""
        self.projects[project].members[user] = None if folders is None else frozenset(folders)

    def remove_member(self, project: str, user: str) -> None:
        self.projects[project].members.pop(user, None)

    def root_folder(self, project: str) -> str:
        return self.projects[project].root.id

    def project_files(self, project: str) -> str:
        """Name the folder that people mean by the project's files."""
        return next(folder.id for folder in self.projects[project].root.folders.values() if not _is_internal(folder))

    def make_folder(self, project: Project, parent: Folder | None, name: str, user: AccUser | None = None) -> Folder:
        now, by = self.seconds(), user or self.default_user
        urn = f"urn:adsk.wipprod:fs.folder:co.{self.ids.short()}"
        folder = Folder(urn, name, project, parent, now, by, now, by, now, self.clock.monotonic())
        self.folders[urn] = folder
        if parent is not None:
            parent.folders[urn] = folder
        return folder

    def seconds(self) -> int:
        """Return the time as the service stamps it."""
        return int(self.clock.now().timestamp())

    def user(self, user: str | None) -> AccUser:
        """Look an actor up: None is the usual one, '' one that the service no longer names."""
        if user is None:
            return self.default_user
        return self.users[user] if user else NOBODY

    def _add_system_folder(self, project: Project, name: str) -> None:
        folder = self.make_folder(project, project.root, name)
        folder.system = True
        folder.type = "recycle" if name == "Recycle Bin" else "normal"


def _is_internal(folder: Folder) -> bool:
    return folder.system or folder.type == "plan"


def may_enter(project: Project, user: AccUser | None) -> bool:
    """Return whether the project exists for this user; None is the app itself, which sees them all."""
    return user is None or user.id in project.members


def may_open(folder: Folder, user: AccUser | None) -> bool:
    """Return whether the folder can be read: nothing on the way up was revoked, and it or something above was given."""
    chain = folder.chain()
    if any(one.revoked for one in chain):
        return False
    if user is None:
        return True
    given = folder.project.members.get(user.id, frozenset())
    return given is None or any(one.id in given for one in chain)
