"""What starts filesync by itself: the crontab line and the units as text, proved by shells, crons' rules and systemd."""

import os
import re
import shutil
import subprocess
from pathlib import Path
from random import Random

import pytest

from filesync.core.errors import UsageError
from filesync.scheduling import crontab, systemd
from filesync.scheduling.systemd import ServiceUnit
from filesync.scheduling.timer import LENGTHS, ScheduledCall, check_length

HOME = Path("/srv/filesync")
CALL = ScheduledCall(("/opt/filesync/.venv/bin/filesync",), HOME)
LINE = "*/5 * * * * /opt/filesync/.venv/bin/filesync --home /srv/filesync sync # filesync: /srv/filesync"
NASTY = [
    "a b", "100%", "%", r"\%", r"a\b", r"\\", r"back\\%slash", "it's", '"both\'', "$HOME", "`id`", "a;b&c|d", "#no", "*",
    "~", "", "Übersicht 橋", "!bang", r"ends\\", "%%", r"'\''%", "-x", "a=b",
]  # fmt: skip
TABLES = [
    b"",
    b"MAILTO=ops@example.com\n0 4 * * * backup --all\n",
    b"0 4 * * * backup",
    b"0 4 * * * backup\r\n# a comment\r\n",
    b"\n\n# only comments\n\n",
    b"0 4 * * * printf 'caf\xe9 \xff' # filesync: /srv/other\n",
    b"# " + LINE.encode() + b"\n",
    b"0 4 * * * backup # filesync: /srv/filesync2\n* * * * * x # filesync: '/x # filesync: /srv/filesync'\n",
]
needs_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")


def after_vixie(command: str) -> str:
    r"""Give what Vixie cron and its heirs hand to the shell: \% is %, a bare % ends the command."""
    out, escaped = "", False
    for char in command:
        if escaped:
            out = out[:-1] + char if char == "%" else out + char
            escaped = False
        elif char == "%":
            return out
        else:
            out, escaped = out + char, char == "\\"
    return out


def after_old_vixie(command: str) -> str:
    r"""Also \\ is \ there."""
    out, escaped = "", False
    for char in command:
        if escaped:
            out = out[:-1] + char if char in "%\\" else out + char
            escaped = False
        elif char == "%":
            return out
        else:
            out, escaped = out + char, char == "\\"
    return out


def after_busybox(command: str) -> str:
    """Hand everything to the shell as it is."""
    return command


def words_of(command: str) -> list[str]:
    """Let a real shell cut a command into words."""
    shown = subprocess.run(
        ["/bin/sh", "-c", f"printf '%s\\0' {command}"], capture_output=True, encoding="utf-8", check=True
    )
    return shown.stdout.split("\0")[:-1]


def random_words() -> list[str]:
    random = Random(4)
    return ["".join(random.choices("ab \\%'\"$`#*", k=random.randrange(1, 12))) for _ in range(200)]


# --- cron -----------------------------------------------------------------------------------


def test_the_line_names_everything_by_its_absolute_path_and_ends_with_the_home() -> None:
    assert crontab.line(CALL, 5) == LINE


@pytest.mark.parametrize("cron", [after_vixie, after_old_vixie, after_busybox])
def test_every_path_arrives_at_the_program_as_it_is(cron: object) -> None:
    assert callable(cron)
    words = [*NASTY, *random_words()]
    command = " ".join(crontab.quoted(word) for word in words)
    assert words_of(cron(command)) == words


def test_the_mark_is_a_comment_to_the_shell_whatever_the_home_is_called() -> None:
    for word in filter(None, NASTY):
        call = ScheduledCall(("/bin/filesync",), Path("/srv") / word)
        command = crontab.line(call, 5).split(" ", 5)[5]
        assert words_of(after_vixie(command)) == ["/bin/filesync", "--home", f"/srv/{word}", "sync"]


@pytest.mark.parametrize("path", ["/srv/a\nb", "/srv/a\rb", "/srv/\x07"])
def test_a_path_with_a_line_break_is_refused(path: str) -> None:
    with pytest.raises(UsageError, match="line break"):
        crontab.line(ScheduledCall(("/bin/filesync",), Path(path)), 5)


@pytest.mark.parametrize("table", TABLES)
def test_every_other_byte_of_a_table_stays(table: bytes) -> None:
    ended = table if table.endswith(b"\n") or not table else table + b"\n"
    once = crontab.with_line(table, HOME, LINE)
    assert once == ended + LINE.encode() + b"\n"
    assert crontab.installed(once, HOME) == [LINE]
    assert crontab.with_line(once, HOME, LINE) == once
    assert crontab.without(once, HOME) == ended
    assert crontab.without(table, HOME) == table


def test_a_changed_line_is_written_where_the_old_one_stood() -> None:
    before = b"# first\n*/7 * * * * nice filesync # filesync: /srv/filesync\r\n# last"
    assert crontab.with_line(before, HOME, LINE) == b"# first\n" + LINE.encode() + b"\n# last"


def test_of_two_lines_of_a_home_one_is_left() -> None:
    twice = b"* * * * * a # filesync: /srv/filesync\n#\n* * * * * b # filesync: /srv/filesync\n"
    assert crontab.with_line(twice, HOME, LINE) == LINE.encode() + b"\n#\n"
    assert crontab.without(twice, HOME) == b"#\n"


def test_a_line_that_somebody_turned_into_a_comment_is_theirs() -> None:
    assert crontab.installed(b"#" + LINE.encode() + b"\n", HOME) == []


def test_a_path_that_is_no_text_is_written_byte_for_byte() -> None:
    home = Path(os.fsdecode(b"/srv/caf\xe9"))
    table = crontab.with_line(b"", home, crontab.line(ScheduledCall(("/bin/filesync",), home), 5))
    assert b"--home '/srv/caf\xe9' sync" in table
    assert crontab.without(table, home) == b""


@pytest.mark.parametrize("every", LENGTHS)
def test_starts_are_evenly_spaced_in_both_notations(every: int) -> None:
    slots = crontab.line(CALL, every).split(" ")[:5]
    minutes = _times(slots[0], 60)
    hours = _times(slots[1], 24)
    starts = [hour * 60 + minute for hour in hours for minute in minutes]
    assert starts == list(range(0, 1440, every))
    hour_part, minute_part, _ = systemd.calendar(every).split(" ")[1].split(":")
    assert [h * 60 + m for h in _times(hour_part, 24) for m in _times(minute_part, 60)] == starts


@pytest.mark.parametrize("every", [7, 45, 90, 1441, 2000])
def test_uneven_lengths_are_refused_and_the_nearest_are_named(every: int) -> None:
    with pytest.raises(UsageError, match=r"take \d+"):
        check_length(every)


def _times(field: str, end: int) -> list[int]:
    """Read one field of cron or of a calendar event."""
    first, _, step = field.partition("/")
    if step:
        return list(range(0 if first == "*" else int(first), end, int(step)))
    return list(range(end)) if first == "*" else [int(first)]


# --- systemd --------------------------------------------------------------------------------


def test_two_homes_never_share_their_units() -> None:
    homes = [
        "/srv/a",
        "/srv/a-b",
        "/srv/a b",
        "/srv/a/b",
        "/srv/a_b",
        "/srv/ä",
        "/srv/ö",
        "/" + "x" * 300,
        "/" + "x" * 301,
    ]
    names = {systemd.name_of(Path(home)) for home in homes}
    assert len(names) == len(homes)
    assert all(re.fullmatch(r"filesync-[A-Za-z0-9_.-]+", name) and len(name) < 200 for name in names)
    assert systemd.name_of(HOME) == "filesync-srv-filesync"


def test_a_system_service_writes_into_three_folders_and_runs_as_the_owner() -> None:
    service, timer = systemd.units(CALL, 5, _service(HOME, "filesync"))
    assert "User=filesync\nReadWritePaths=/srv/filesync/data /srv/filesync/logs /srv/filesync/tokens\n" in service.text
    assert all(f"\n{line}\n" in service.text for line in ("Type=oneshot", "ProtectSystem=strict", "ProtectHome=yes"))
    assert "\nPersistent=true\n" in timer.text


def test_below_var_lib_systemd_looks_after_the_tokens() -> None:
    home = Path("/var/lib/filesync")
    text = systemd.units(ScheduledCall(CALL.program, home), 5, _service(home, "filesync"))[0].text
    assert "\nStateDirectory=filesync/tokens\nStateDirectoryMode=0700\n" in text
    assert "\nReadWritePaths=/var/lib/filesync/data /var/lib/filesync/logs\n" in text


@pytest.mark.parametrize(("home", "said"), [("/home/bob/fs", "ProtectHome=read-only"), ("/tmp/fs", "PrivateTmp=no")])
def test_walls_do_not_hide_the_home_itself(home: str, said: str) -> None:
    text = systemd.units(ScheduledCall(CALL.program, Path(home)), 5, _service(Path(home), "bob"))[0].text
    assert f"\n{said}\n" in text


@needs_systemd
@pytest.mark.parametrize("name", ["filesync", "my home", "100% $HOME %h", r"\"of\" it's \ %h"])
@pytest.mark.parametrize("of_user", [True, False])
def test_systemd_finds_nothing_wrong_with_the_units(tmp_path: Path, name: str, *, of_user: bool) -> None:
    """It also looks whether the program is there and can be run: so its name is read as it was meant."""
    program = tmp_path / name / "bin" / "filesync"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    home = tmp_path / name
    units = systemd.units(ScheduledCall((str(program),), home), 5, None if of_user else _service(home, "daemon"))
    checked = _analyze("--user" if of_user else "--system", "verify", *_written(tmp_path, units))
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")


@needs_systemd
def test_systemd_would_tell_a_program_that_is_not_there(tmp_path: Path) -> None:
    units = systemd.units(ScheduledCall(("/no/such/program",), HOME), 5, _service(HOME, "daemon"))
    assert "/no/such/program" in _analyze("verify", *_written(tmp_path, units)).stderr


@needs_systemd
def test_the_exposure_of_the_system_service_is_low(tmp_path: Path) -> None:
    service = _written(tmp_path, systemd.units(CALL, 5, _service(HOME, "daemon")))[0]
    checked = _analyze("security", "--offline=true", "--threshold=20", service)
    assert checked.returncode == 0, checked.stdout
    exposure = re.search(r"exposure level for \S+: ([0-9.]+)", checked.stdout)
    assert exposure
    assert float(exposure[1]) <= 1.6


def _service(home: Path, user: str) -> ServiceUnit:
    return ServiceUnit(user, [home / name for name in ("data", "logs", "tokens")], [Path(CALL.program[0])])


def _written(folder: Path, units: tuple[systemd.Unit, ...]) -> list[str]:
    for unit in units:
        (folder / unit.name).write_text(unit.text)
    return [str(folder / unit.name) for unit in units]


def _analyze(*arguments: str) -> "subprocess.CompletedProcess[str]":
    environ = {"PATH": os.environ["PATH"], "XDG_RUNTIME_DIR": "/tmp", "HOME": "/root"}
    return subprocess.run(
        ["systemd-analyze", *arguments], env=environ, capture_output=True, encoding="utf-8", check=False
    )
