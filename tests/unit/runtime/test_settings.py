"""Home, `.env`, NAME_FILE, and what the variables mean."""

import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from filesync.core.errors import ConfigError
from filesync.runtime.settings import Settings, find_home, load_settings


def make_home(path: Path) -> Path:
    (path / "config").mkdir(parents=True)
    (path / "config" / "connector.yaml").write_text("endpoints: []\n")
    return path


def load(home: Path, **environ: str) -> Settings:
    return load_settings(home, environ)


def test_the_home_given_by_name_wins_and_counts_from_the_current_folder(tmp_path: Path) -> None:
    make_home(tmp_path)
    assert find_home("other", {"FILESYNC_HOME": "/x"}, tmp_path) == tmp_path / "other"


def test_the_variable_names_the_home_when_no_option_does(tmp_path: Path) -> None:
    assert find_home(None, {"FILESYNC_HOME": str(tmp_path / "h")}, make_home(tmp_path)) == tmp_path / "h"


def test_an_empty_variable_names_no_home(tmp_path: Path) -> None:
    assert find_home(None, {"FILESYNC_HOME": ""}, tmp_path) == tmp_path


def test_the_nearest_home_at_or_above_is_taken(tmp_path: Path) -> None:
    outer = make_home(tmp_path)
    inner = make_home(tmp_path / "a" / "b")
    (inner / "c" / "d").mkdir(parents=True)
    assert find_home(None, {}, inner / "c" / "d") == inner
    assert find_home(None, {}, tmp_path / "a") == outer


def test_without_any_home_the_current_folder_is_it(tmp_path: Path) -> None:
    assert find_home(None, {}, tmp_path) == tmp_path


def test_a_tilde_is_the_users_own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert find_home("~/inventory", {}, Path("/")) == tmp_path / "inventory"


only_root = pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give files away")


@only_root
@pytest.mark.parametrize("part", ["", "config", "config/connector.yaml", ".env"])
def test_a_home_that_is_partly_somebody_elses_is_passed_over(tmp_path: Path, part: str) -> None:
    ours = make_home(tmp_path)
    theirs = make_home(tmp_path / "theirs")
    (theirs / "below").mkdir()
    (theirs / ".env").touch()
    os.chown(theirs / part, 12345, -1)
    assert find_home(None, {}, theirs / "below") == ours


@only_root
def test_somebody_elses_link_to_a_configuration_of_ours_makes_no_home(tmp_path: Path) -> None:
    ours = make_home(tmp_path / "ours")
    (tmp_path / "open" / "below").mkdir(parents=True)
    link = tmp_path / "open" / "config"
    link.symlink_to(ours / "config")
    assert find_home(None, {}, tmp_path / "open" / "below") == tmp_path / "open"
    os.chown(link, 12345, -1, follow_symlinks=False)
    assert find_home(None, {}, tmp_path / "open" / "below") == tmp_path / "open" / "below"


def plant(path: Path, how: Callable[[Path], object]) -> Path:
    """Make a home whose `.env` and configuration are ours, but for one thing; it lies in a folder that is ours."""
    home = make_home(path / "open" / "home")
    (home / ".env").touch()
    how(home)
    return home


def somebodys(path: Path, uid: int = 12345) -> None:
    os.chown(path, uid, -1, follow_symlinks=False)


def instead(path: Path, target: Path) -> None:
    """Put somebody else's link in a path's place."""
    path.rename(target)
    path.symlink_to(target)
    somebodys(path)


def led_away(path: Path, target: Path) -> None:
    """Put a link of ours in a path's place that leads to what is somebody else's."""
    path.rename(target)
    path.symlink_to(target)
    somebodys(target)


OPENED: dict[str, Callable[[Path], object]] = {
    "a group writes the folder": lambda home: home.chmod(0o2775),
    "everybody writes the folder, sticky or not": lambda home: home.chmod(0o1777),
    "a group writes config/": lambda home: (home / "config").chmod(0o775),
    "a group writes the file": lambda home: (home / "config/connector.yaml").chmod(0o664),
    "a group writes .env": lambda home: (home / ".env").chmod(0o660),
    "a group writes a folder above": lambda home: home.parent.chmod(0o775),
}
GIVEN_AWAY: dict[str, Callable[[Path], object]] = {
    "the folder": somebodys,
    "config/": lambda home: somebodys(home / "config"),
    "the file": lambda home: somebodys(home / "config/connector.yaml"),
    ".env": lambda home: somebodys(home / ".env"),
    "a folder above": lambda home: somebodys(home.parent),
    "a link to .env": lambda home: instead(home / ".env", home / "env"),
    "what config/ is a link to": lambda home: led_away(home / "config", home / "c"),
}


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="modes of POSIX")
@pytest.mark.parametrize("how", OPENED)
def test_a_home_that_somebody_else_could_have_planted_is_taken_only_by_name(
    tmp_path: Path, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("filesync.runtime.ownership._is_private_group", lambda *_: False)  # see the next but one
    home = plant(tmp_path, OPENED[how])
    with pytest.raises(
        ConfigError, match=r"can write it \(mode [0-7]{4}\), so the home here is not taken unless"
    ) as caught:
        find_home(None, {}, home)
    assert "run: chmod " in str(caught.value)
    assert find_home(str(home), {}, Path("/")) == home
    assert find_home(None, {"FILESYNC_HOME": str(home)}, Path("/")) == home


@only_root
@pytest.mark.parametrize("what", GIVEN_AWAY)
def test_a_home_of_which_a_part_is_somebody_elses_is_taken_only_by_name(tmp_path: Path, what: str) -> None:
    home = plant(tmp_path, GIVEN_AWAY[what])
    with pytest.raises(ConfigError, match="belongs to 12345, so the home here is not taken unless it is named"):
        find_home(None, {}, home)
    assert find_home(str(home), {}, Path("/")) == home


def test_where_nobody_else_can_write_a_sticky_folder_above_is_no_danger(tmp_path: Path) -> None:
    home = plant(tmp_path, lambda home: home.parent.chmod(0o1777))
    assert find_home(None, {}, home) == home


def test_a_folder_that_everybody_writes_is_no_home_of_its_own(tmp_path: Path) -> None:
    tmp_path.chmod(0o1777)
    with pytest.raises(ConfigError, match="everybody can write it"):
        find_home(None, {}, tmp_path)


class Accounts:
    """The accounts of a machine: ours is "me" with a group of that name, 4000; "team" is 5000."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.users = [self.user("me", os.geteuid(), 4000), self.user("eve", 12345, 12345)]
        self.members: dict[str, list[str]] = {"me": [], "team": []}
        gids = {4000: "me", 5000: "team"}
        monkeypatch.setattr("pwd.getpwall", lambda: self.users)
        monkeypatch.setattr("pwd.getpwnam", lambda name: {each.pw_name: each for each in self.users}[name])
        monkeypatch.setattr(
            "grp.getgrgid", lambda gid: SimpleNamespace(gr_name=gids[gid], gr_mem=self.members[gids[gid]])
        )

    @staticmethod
    def user(name: str, uid: int, gid: int) -> SimpleNamespace:
        return SimpleNamespace(pw_name=name, pw_uid=uid, pw_gid=gid)


@only_root
def test_a_group_of_one_user_is_that_user_so_umask_002_locks_nobody_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    accounts = Accounts(monkeypatch)
    home = plant(tmp_path, lambda _: None)
    parts = (home.parent, home, home / "config", home / "config/connector.yaml", home / ".env")
    for part in parts:
        os.chown(part, -1, 4000)
        part.chmod(part.stat().st_mode | 0o020)
    assert find_home(None, {}, home) == home
    for name, others in {"me": ["eve"], "team": []}.items():
        accounts.members["me"] = others
        os.chown(home, -1, 4000 if name == "me" else 5000)
        with pytest.raises(ConfigError, match=f"its group {name} can write it"):
            find_home(None, {}, home)
    accounts.members["me"] = []
    os.chown(home, -1, 4000)
    accounts.users.append(Accounts.user("bob", 12346, 4000))  # whose primary group it is, too, and no list says so
    with pytest.raises(ConfigError, match="its group me can write it"):
        find_home(None, {}, home)


def test_defaults_are_those_of_the_manual(tmp_path: Path) -> None:
    settings = load(tmp_path)
    assert settings.database_address == tmp_path / "data" / "connector.db"
    assert (settings.sync_interval_minutes, settings.max_concurrent_syncs, settings.log_level) == (5, 5, "INFO")
    assert settings.google_base_url == "https://www.googleapis.com"


def test_paths_count_from_home(tmp_path: Path) -> None:
    assert load(tmp_path).path("tokens") == tmp_path / "tokens"
    assert load(tmp_path).path("/elsewhere") == Path("/elsewhere")


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:///x.db", "{home}/x.db"),
        ("sqlite:///./data/a.db", "{home}/data/a.db"),
        ("sqlite:////srv/a.db", "/srv/a.db"),
        ("sqlite:///a%20b%3F.db", "{home}/a b?.db"),
        ("SQLITE:///x.db", "{home}/x.db"),
    ],
)
def test_the_database_is_a_file_below_home_or_an_absolute_one(tmp_path: Path, url: str, path: str) -> None:
    assert load(tmp_path, DATABASE_URL=url).database_address == Path(path.format(home=tmp_path))


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+psycopg://u:hunter22@db/x",
        "data/x.db",
        "sqlite://",
        "sqlite:///",
        "sqlite:///:memory:",
        "sqlite://x.db",
        "sqlite:///x.db?mode=ro",
    ],
)
def test_any_other_database_is_refused_without_repeating_its_password(tmp_path: Path, url: str) -> None:
    with pytest.raises(ConfigError, match=r"^DATABASE_URL: ") as caught:
        load(tmp_path, DATABASE_URL=url)
    assert "hunter22" not in str(caught.value)


def test_what_is_supported_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="only sqlite and postgresql are supported, not mysql"):
        load(tmp_path, DATABASE_URL="mysql://db/x")


def test_everything_that_is_wrong_is_said_in_one_go(tmp_path: Path) -> None:
    wrong = {
        "DATABASE_URL": "mysql://x",
        "SYNC_INTERVAL_MINUTES": "0",
        "MAX_CONCURRENT_SYNCS": "many",
        "CONNECTOR_LOG_LEVEL": "LOUD",
        "CONNECTOR_AUTODESK_AUTH": "magic",
        "CONNECTOR_AUTODESK_BASE_URL": "ftp://x",
        "CONNECTOR_GOOGLE_BASE_URL": "https://u:p@x",
        "GOOGLE_CREDENTIALS_PATH_FILE": "missing.txt",
    }
    with pytest.raises(ConfigError) as caught:
        load_settings(tmp_path, wrong)
    assert all(name in str(caught.value) for name in wrong)
    assert "\n" not in str(caught.value)


def test_plain_http_is_for_loopback_only(tmp_path: Path) -> None:
    assert load(tmp_path, CONNECTOR_GOOGLE_BASE_URL="http://127.0.0.1:8000/").google_base_url == "http://127.0.0.1:8000"
    with pytest.raises(ConfigError, match=r"https is needed for example\.com"):
        load(tmp_path, CONNECTOR_GOOGLE_BASE_URL="http://example.com")


def test_a_log_level_may_be_written_small(tmp_path: Path) -> None:
    assert load(tmp_path, CONNECTOR_LOG_LEVEL="debug").log_level == "DEBUG"


def test_an_empty_variable_means_its_default(tmp_path: Path) -> None:
    assert load(tmp_path, SYNC_INTERVAL_MINUTES="").sync_interval_minutes == 5


def test_dotenv_fills_gaps_and_never_overrides(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text('SYNC_INTERVAL_MINUTES=7\nexport MAX_CONCURRENT_SYNCS="2" # two\nX=$HOME\n')
    settings = load(tmp_path, SYNC_INTERVAL_MINUTES="9")
    assert (settings.sync_interval_minutes, settings.max_concurrent_syncs) == (9, 2)
    assert settings.variables["X"] == "$HOME"


def test_a_broken_line_of_dotenv_is_named(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("A=1\n\nwhat is this\nB=2\nC\n")
    with pytest.raises(ConfigError, match="line 3, 5: NAME=value is needed"):
        load(tmp_path)


def test_a_dotenv_that_is_not_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"A=\xff\n")
    with pytest.raises(ConfigError, match="not UTF-8"):
        load(tmp_path)


def test_a_value_can_come_from_a_file_below_home(tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("from-a-file\n")
    settings = load(tmp_path, CONNECTOR_AUTODESK_CLIENT_SECRET_FILE="secret.txt", SYNC_INTERVAL_MINUTES="")
    assert settings.variables["CONNECTOR_AUTODESK_CLIENT_SECRET"] == "from-a-file"
    assert settings.variables.get("CONNECTOR_AUTODESK_CLIENT_SECRET") == "from-a-file"
    assert "CONNECTOR_AUTODESK_CLIENT_SECRET" in settings.variables
    assert settings.secrets() == ("from-a-file",)


def test_any_other_variable_can_come_from_a_file_too(tmp_path: Path) -> None:
    (tmp_path / "p").write_text("partner-value")
    assert load(tmp_path, PARTNER_SECRET_FILE="p").variables["PARTNER_SECRET"] == "partner-value"


def test_a_file_nobody_asks_for_is_not_opened(tmp_path: Path) -> None:
    load(tmp_path, SSL_CERT_FILE="/does/not/exist")


def test_a_missing_file_is_named_with_its_variable(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=f"CONNECTOR_LOG_LEVEL_FILE: cannot read {tmp_path}/nowhere"):
        load(tmp_path, CONNECTOR_LOG_LEVEL_FILE="nowhere")


def test_a_variable_and_its_file_together_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="CONNECTOR_LOG_LEVEL and CONNECTOR_LOG_LEVEL_FILE are both set"):
        load(tmp_path, CONNECTOR_LOG_LEVEL="INFO", CONNECTOR_LOG_LEVEL_FILE="x")


def test_the_environment_wins_over_dotenv_also_by_file(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("CONNECTOR_LOG_LEVEL=INFO\nSYNC_INTERVAL_MINUTES_FILE=nowhere\n")
    (tmp_path / "level").write_text("ERROR")
    settings = load(tmp_path, CONNECTOR_LOG_LEVEL_FILE="level", SYNC_INTERVAL_MINUTES="3")
    assert (settings.log_level, settings.sync_interval_minutes) == ("ERROR", 3)


def test_secrets_are_known_by_name_and_never_too_short_to_mask(tmp_path: Path) -> None:
    settings = load(
        tmp_path,
        CONNECTOR_AUTODESK_CLIENT_SECRET="hidden-one",
        FILESYNC_HEALTH_TOKEN="hidden-two",
        A_PASSWORD="abc",
        TOKEN_PATH="/tmp/tokens",
        HTTPS_PROXY="http://me:hidden%2Dthree@proxy:1",
        CONNECTOR_AUTODESK_CLIENT_ID="shown",
    )
    assert set(settings.secrets()) == {
        *("hidden-one", "hidden-two"),
        *("hidden-three", "hidden%2Dthree", ":hidden%2Dthree@"),  # as it is meant, and as it is written
    }


@pytest.mark.parametrize("make", [lambda p: p.write_bytes(b"x" * 70_000), lambda p: p.mkdir(), os.mkfifo])
def test_what_is_no_small_file_is_no_value(tmp_path: Path, make: Callable[[Path], object]) -> None:
    make(tmp_path / "odd")
    with pytest.raises(ConfigError, match="CONNECTOR_LOG_LEVEL_FILE"):
        load(tmp_path, CONNECTOR_LOG_LEVEL_FILE="odd")
