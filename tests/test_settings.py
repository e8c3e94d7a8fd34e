"""Home, `.env`, NAME_FILE, and what the variables mean."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from filesync.errors import ConfigError
from filesync.settings import Settings, find_home, load_settings


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


@only_root
@pytest.mark.parametrize("part", ["config", "config/connector.yaml", ".env"])
def test_what_somebody_else_put_where_everybody_can_write_is_no_configuration(tmp_path: Path, part: str) -> None:
    (make_home(tmp_path) / ".env").touch()
    tmp_path.chmod(0o1777)
    assert find_home(None, {}, tmp_path) == tmp_path
    os.chown(tmp_path / part, 12345, -1)
    with pytest.raises(ConfigError, match="somebody else's, in a folder where everybody can write"):
        find_home(None, {}, tmp_path)
    assert find_home(str(tmp_path), {}, Path("/")) == tmp_path


def test_defaults_are_those_of_the_manual(tmp_path: Path) -> None:
    settings = load(tmp_path)
    assert settings.database_path == tmp_path / "data" / "connector.db"
    assert (settings.sync_interval_minutes, settings.max_concurrent_syncs, settings.log_level) == (5, 5, "INFO")
    assert settings.autodesk_base_url == "https://developer.api.autodesk.com"
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
    assert load(tmp_path, DATABASE_URL=url).database_path == Path(path.format(home=tmp_path))


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:hunter22@db/x",
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


def test_only_sqlite_is_supported_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="only sqlite is supported, not postgresql"):
        load(tmp_path, DATABASE_URL="postgresql://db/x")


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
