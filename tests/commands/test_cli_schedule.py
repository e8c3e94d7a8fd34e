"""`filesync schedule`: shown, installed, removed; with stand-ins for crontab and systemctl, and with the real crontab."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from filesync.core.errors import ResponseError
from tests import ROOT
from tests.support.cli_home import CliHome, Result, file

CRONTAB = """#!/bin/sh
table="$HOME/table"
case "$1" in
    -l) cat "$table" 2>/dev/null && exit; echo "no crontab for $LOGNAME" >&2; exit 1 ;;
    -r) rm "$table" ;;
    -) echo write >> "$HOME/writes"; cat > "$table.new"
        if [ -n "$(tail -c 1 "$table.new")" ]; then echo "missing newline before EOF" >&2; exit 1; fi
        mv "$table.new" "$table" ;;
esac
"""
SYSTEMCTL = """#!/bin/sh
echo "$@" >> "$HOME/systemctl"
if [ -e "$HOME/refuse" ] && grep -q "$(cat "$HOME/refuse")" "$HOME/systemctl"; then echo "Access denied" >&2; exit 4; fi
"""


@dataclass
class Machine:
    """A home with a blank in its path, and a user with programs of their own."""

    home: CliHome
    path: Path

    def run(self, *argv: str, **environ: str) -> Result:
        process = self.home.process(
            environ={"HOME": str(self.path), "LOGNAME": "bob", "PATH": f"{self.path}/bin:/bin"} | environ,
            program=(str(self.path / "bin" / "filesync"),),
        )
        return Result(*process.run(argv))

    def has(self, name: str, text: str) -> None:
        program = self.path / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(text)
        program.chmod(0o755)

    @property
    def table(self) -> Path:
        return self.path / "table"

    @property
    def units(self) -> Path:
        return self.path / ".config" / "systemd" / "user"

    def told(self) -> list[str]:
        """Give what systemctl was told, but for the question whether it is there."""
        calls = (self.path / "systemctl").read_text().splitlines()
        return [call.replace("--user --no-ask-password ", "") for call in calls if "show" not in call]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    home = CliHome(tmp_path / "my home")
    home.configure({"name": "A"})
    machine = Machine(home, tmp_path / "bob")
    machine.path.mkdir()
    machine.has("filesync", "#!/bin/sh\n")
    machine.has("crontab", CRONTAB)
    machine.has("systemctl", SYSTEMCTL)
    return machine


def line(machine: Machine, slots: str = "*/5 * * * *") -> str:
    home = f"'{machine.home.path}'"
    return f"{slots} {machine.path}/bin/filesync --home {home} sync # filesync: {home}\n"


def one_line(result: Result, code: int, *said: str) -> None:
    assert (result.code, result.out) == (code, "")
    assert result.err.count("\n") == 1, result.err
    assert all(text in result.err for text in ("filesync: ", *said)), result.err


# --- cron -----------------------------------------------------------------------------------


def test_show_prints_the_line_and_says_that_it_is_not_there(machine: Machine) -> None:
    shown = machine.run("schedule", "show")
    assert (shown.code, shown.out) == (0, line(machine))
    assert "not installed; install it with: filesync schedule install --cron" in shown.err
    assert "no sync has run in this home yet" in shown.err


def test_install_adds_its_line_to_what_is_there_and_uninstall_takes_it_out(machine: Machine) -> None:
    theirs = b"MAILTO=ops@example.com\r\n\n# caf\xe9\n0 4 * * * backup\n"
    machine.table.write_bytes(theirs)
    assert machine.run("schedule", "install", "--cron", "--every", "10").code == 0
    assert machine.table.read_bytes() == theirs + line(machine, "*/10 * * * *").encode()
    assert machine.run("schedule", "uninstall").err == "removed: your crontab\n"
    assert machine.table.read_bytes() == theirs


def test_twice_is_once(machine: Machine) -> None:
    for said in ("installed: your crontab, every 5 minutes\n", "installed already: your crontab, every 5 minutes\n"):
        assert machine.run("schedule", "install", "--cron").err == said
    assert machine.table.read_text() == line(machine)
    assert (machine.path / "writes").read_text() == "write\n"
    for said in ("removed: your crontab\n", "nothing is installed for this home\n"):
        assert machine.run("schedule", "uninstall", "--cron").err == said
    assert not machine.table.exists()  # as before


def test_two_homes_have_a_line_each(machine: Machine, tmp_path: Path) -> None:
    other = CliHome(tmp_path / "my home 2")
    other.configure({"name": "A"})
    machine.run("schedule", "install")
    Machine(other, machine.path).run("schedule", "install", "--every", "60")
    assert len(machine.table.read_text().splitlines()) == 2
    assert machine.run("schedule", "uninstall").code == 0
    assert machine.table.read_text() == line(Machine(other, machine.path), "0 * * * *")


def test_show_says_when_what_is_installed_is_another(machine: Machine) -> None:
    machine.run("schedule", "install", "--every", "30")
    assert "installed: your crontab" in machine.run("schedule", "show", "--every", "30").err
    shown = machine.run("schedule", "show")
    assert f"installed, but differently: your crontab\n{line(machine, '*/30 * * * *')}" in shown.err


def test_show_says_when_sync_last_ran(machine: Machine) -> None:
    machine.home.show("A", file("a.txt"))
    machine.home.sync()
    machine.home.clock.advance(180)
    assert "sync last started 2026-03-04 12:00 UTC, 3 min ago; exit code 0\n" in machine.run("schedule", "show").err
    machine.home.shown["A"].error = ResponseError("not JSON")
    machine.home.sync()
    document = machine.run("schedule", "show", "--json").document
    assert (document["last_start_at"], document["last_exit_code"]) == ("2026-03-04T12:03:30.000Z", 1)


def test_show_has_it_all_as_json(machine: Machine) -> None:
    document = machine.run("schedule", "show", "--json").document
    assert (document["kind"], document["scope"], document["text"]) == ("cron", "user", line(machine))
    assert (document["installed"], document["up_to_date"], document["problem"]) == (False, False, None)
    machine.run("schedule", "install")
    document = machine.run("schedule", "show", "--json").document
    assert (document["installed"], document["installed_text"], document["up_to_date"]) == (True, line(machine), True)


def test_another_configuration_is_in_the_line(machine: Machine) -> None:
    (machine.home.path / "other.yaml").write_text("endpoints: []\n")
    shown = machine.run("--config", "other.yaml", "schedule", "show")
    assert f"--config '{machine.home.path}/other.yaml' sync # filesync:" in shown.out


def test_variables_that_only_this_shell_knows_are_named_and_their_values_are_not(machine: Machine) -> None:
    (machine.home.path / ".env").write_text("CONNECTOR_AUTODESK_CLIENT_ID=abc\n")
    said = machine.run(
        "schedule",
        "install",
        CONNECTOR_AUTODESK_CLIENT_ID="abc",
        CONNECTOR_AUTODESK_CLIENT_SECRET="not-a-real-one",
        HTTPS_PROXY="http://proxy.example.com:3128",
    ).err
    assert f"only this shell knows CONNECTOR_AUTODESK_CLIENT_SECRET: put it into {machine.home.path}/.env" in said
    assert "only this shell knows HTTPS_PROXY: set it by a line NAME=value above ours in the crontab" in said
    assert "CLIENT_ID" not in said
    assert "not-a-real-one" not in said


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_root_installs_nothing_of_its_own_for_the_home_of_somebody_else(machine: Machine) -> None:
    os.chown(machine.home.path, 1, 1)
    for kind in ("--cron", "--systemd"):
        one_line(machine.run("schedule", "install", kind), 77, "belongs to daemon", "sudo -u daemon filesync --home")
    assert not machine.table.exists()
    assert not machine.units.exists()


def test_nothing_is_installed_for_a_folder_that_is_no_home(machine: Machine) -> None:
    machine.home.config.unlink()
    one_line(machine.run("schedule", "install", "--cron"), 78, "connector.yaml", "filesync init")
    assert not machine.table.exists()


def test_nothing_is_installed_that_would_not_start(machine: Machine) -> None:
    machine.has("filesync", "#!/bin/sh\necho 'No module named filesync' >&2\nexit 1\n")
    one_line(machine.run("schedule", "install", "--cron"), 1, "does not start", "No module named filesync")
    assert not machine.table.exists()


def test_a_machine_without_cron_says_so(machine: Machine) -> None:
    (machine.path / "bin" / "crontab").unlink()
    path = str(machine.path / "bin")
    for command in ("install", "uninstall"):
        one_line(machine.run("schedule", command, "--cron", PATH=path), 1, "crontab is not installed here", "--systemd")
    shown = machine.run("schedule", "show", "--cron", PATH=path)
    assert (shown.code, shown.out) == (0, line(machine))
    assert "cannot be installed: crontab is not installed here" in shown.err
    assert machine.run("schedule", "show", "--json", PATH=path).document["kind"] == "systemd"


@pytest.mark.parametrize("said", ["You (bob) are not allowed to use this program (crontab)", "must be privileged"])
def test_a_user_who_may_not_use_cron_is_told_in_one_line(machine: Machine, said: str) -> None:
    machine.has("crontab", f"#!/bin/sh\necho '{said}' >&2\necho 'See crontab(1)' >&2\nexit 1\n")
    one_line(machine.run("schedule", "install", "--cron"), 1, f"crontab -l: {said}; See crontab(1)")
    assert machine.run("schedule", "show", "--cron", "--json").document["installed"] is None


def test_a_table_that_cannot_be_read_is_not_taken_for_none(machine: Machine) -> None:
    refusing = "#!/bin/sh\n[ $1 = -l ] && echo \"crontab: can't open 'bob': Permission denied\" >&2 && exit 1\n: > $HOME/table\n"
    machine.has("crontab", refusing)
    one_line(machine.run("schedule", "install", "--cron"), 1, "Permission denied")
    assert not machine.table.exists()


@pytest.mark.parametrize("said", ["crontab: can't open 'bob': No such file or directory", "no crontab for bob"])
def test_every_crons_word_for_no_table_is_understood(machine: Machine, said: str) -> None:
    machine.has("crontab", CRONTAB.replace("no crontab for $LOGNAME", said))
    assert machine.run("schedule", "install", "--cron").code == 0
    assert machine.table.read_text() == line(machine)


def test_a_crontab_that_forgets_is_no_success(machine: Machine) -> None:
    machine.has("crontab", "#!/bin/sh\ncat > /dev/null\n")
    one_line(machine.run("schedule", "install", "--cron"), 1, "did not keep")


@pytest.mark.parametrize(
    "argv",
    [["--cron", "--systemd"], ["--user", "--system"], ["--cron", "--system"], ["--every", "7"], ["--every", "0"]],
)
def test_options_that_contradict_each_other_are_wrong_usage(machine: Machine, argv: list[str]) -> None:
    one_line(machine.run("schedule", "install", *argv), 2)


def test_what_is_left_of_a_home_that_is_gone_can_be_removed(machine: Machine) -> None:
    machine.run("schedule", "install", "--cron")
    shutil.rmtree(machine.home.path)
    assert machine.run("schedule", "uninstall").err == "removed: your crontab\n"
    assert not machine.table.exists()


def test_a_wrong_variable_stops_an_installation_but_no_removal(machine: Machine) -> None:
    machine.run("schedule", "install", "--cron")
    (machine.home.path / ".env").write_text("SYNC_INTERVAL_MINUTES=often\n")
    one_line(machine.run("schedule", "install", "--cron"), 78, "SYNC_INTERVAL_MINUTES")
    assert machine.run("schedule", "uninstall").err == "removed: your crontab\n"


def test_a_key_below_root_and_a_database_elsewhere_are_within_the_walls(machine: Machine) -> None:
    env = "GOOGLE_CREDENTIALS_PATH=/root/key.json\nDATABASE_URL=sqlite:////srv/elsewhere/connector.db\n"
    (machine.home.path / ".env").write_text(env)
    text = machine.run("schedule", "show", "--system").out
    assert "\nProtectHome=read-only\n" in text
    assert f'"{machine.home.path}/tokens" /srv/elsewhere\n' in text


# --- systemd --------------------------------------------------------------------------------


def test_units_are_written_loaded_and_started_and_removed_again(machine: Machine) -> None:
    done = machine.run("schedule", "install", "--systemd", "--every", "15")
    assert done.code == 0, done.err
    service, timer = sorted(machine.units.iterdir())
    assert (service.suffix, timer.suffix) == (".service", ".timer")
    assert "OnCalendar=*-*-* *:00/15:00" in timer.read_text()
    assert f"{timer}, every 15 minutes" in done.err
    assert "loginctl enable-linger" in done.err
    assert machine.told() == ["daemon-reload", f"enable --now {timer.name}"]
    assert machine.run("schedule", "show", "--every", "15").out == (
        f"# {service}\n{service.read_text()}\n# {timer}\n{timer.read_text()}"
    )
    assert machine.run("schedule", "install", "--every", "15").err.startswith("installed already")
    assert machine.run("schedule", "uninstall").err == f"removed: {timer}\n"
    assert machine.told()[-2:] == [f"disable --now {timer.name}", "daemon-reload"]
    assert list(machine.units.iterdir()) == []


@pytest.mark.parametrize("refused", ["show", "daemon-reload", "enable"])
def test_when_systemd_refuses_the_files_are_as_they_were(machine: Machine, refused: str) -> None:
    machine.run("schedule", "install", "--systemd", "--every", "60")
    before = {path.name: path.read_text() for path in machine.units.iterdir()}
    (machine.path / "systemctl").unlink()
    (machine.path / "refuse").write_text(refused)
    one_line(machine.run("schedule", "install", "--systemd"), 1, "systemctl --user", "Access denied")
    assert {path.name: path.read_text() for path in machine.units.iterdir()} == before


def test_a_unit_of_somebody_else_is_not_touched(machine: Machine) -> None:
    machine.run("schedule", "install", "--systemd")
    timer = next(machine.units.glob("*.timer"))
    timer.write_text("[Timer]\nOnCalendar=daily\n")
    for command in ("install", "uninstall"):
        one_line(machine.run("schedule", command, "--systemd"), 1, timer.name, "not written by filesync")
    assert timer.read_text() == "[Timer]\nOnCalendar=daily\n"


def test_a_machine_without_systemd_says_so(machine: Machine) -> None:
    (machine.path / "bin" / "systemctl").unlink()
    path = str(machine.path / "bin")
    one_line(machine.run("schedule", "install", "--systemd", PATH=path), 1, "systemctl is not installed here", "--cron")


def test_a_folder_that_cannot_be_written_is_one_line(machine: Machine) -> None:
    machine.units.parent.parent.mkdir()
    machine.units.parent.write_text("a file where the folder should be")
    one_line(machine.run("schedule", "install", "--systemd"), 1, str(machine.units))


def test_who_is_started_twice_is_told(machine: Machine) -> None:
    machine.run("schedule", "install", "--cron")
    said = machine.run("schedule", "install", "--systemd").err
    assert "your crontab starts this home, too; remove it with: filesync schedule uninstall --cron" in said
    assert machine.run("schedule", "uninstall").err.count("removed: ") == 2


# --- in a namespace of its own: the system's units, and the real crontab -------------------------


def can_unshare() -> bool:
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        return False
    return subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False).returncode == 0


needs_namespace = pytest.mark.skipif(not can_unshare(), reason="only root, on Linux, can have its own mounts")
FILESYNC = f"'{sys.executable}' -m filesync"


def in_namespace(script: str, machine: Machine, **environ: str) -> "subprocess.CompletedProcess[bytes]":
    """Run a shell script that mounts what it likes: nobody else sees it."""
    base = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "HOME": str(machine.path), "LOGNAME": "root"}
    return subprocess.run(
        ["unshare", "--mount", "/bin/sh", "-euc", script],
        env=base | {"FILESYNC_HOME": str(machine.home.path)} | environ,
        capture_output=True,
        timeout=60,
        check=False,
    )


@needs_namespace
def test_a_system_timer_runs_as_the_homes_owner_and_finds_its_folders(machine: Machine) -> None:
    units = Path("/etc/systemd/system")
    if not units.is_dir():
        pytest.skip("no systemd here")
    os.chown(machine.home.path, 1, 1)
    script = f"mount -t tmpfs none {units}; {FILESYNC} schedule install --system; cat {units}/*.service"
    done = in_namespace(script, machine, PATH=f"{machine.path}/bin:{os.environ['PATH']}")
    assert done.returncode == 0, done.stderr
    assert b"\nUser=daemon\n" in done.stdout
    assert f'ReadWritePaths="{machine.home.path}/data"'.encode() in done.stdout
    assert (machine.home.path / "tokens").stat().st_uid == 1
    assert (machine.home.path / "tokens").stat().st_mode & 0o777 == 0o700
    assert "--no-ask-password enable --now" in (machine.path / "systemctl").read_text()


@needs_namespace
def test_the_real_crontab_keeps_every_byte_of_others(machine: Machine, tmp_path: Path) -> None:
    theirs = b"MAILTO=ops@example.com\n0 4 * * * caf\xe9 \\% 100\n# end\n"
    spool = Path("/var/spool/cron/crontabs")
    if not spool.is_dir() or shutil.which("crontab") is None:
        pytest.skip("no Debian cron here")
    (tmp_path / "theirs").write_bytes(theirs)
    script = f"""
        mount -t tmpfs none {spool}
        keep() {{ cp {spool}/root "{tmp_path}/$1" 2> /dev/null || : > "{tmp_path}/$1"; }}
        crontab "{tmp_path}/theirs"
        keep before
        {FILESYNC} schedule install --cron; {FILESYNC} schedule install --cron; keep with
        {FILESYNC} schedule show --json
        {FILESYNC} schedule uninstall; keep after
    """
    done = in_namespace(script, machine)
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert (document["installed"], document["up_to_date"]) == (True, True)
    before, with_line, after = (_without_header((tmp_path / name).read_bytes()) for name in ("before", "with", "after"))
    assert before == after == theirs
    assert with_line == theirs + document["text"].encode()


def _without_header(table: bytes) -> bytes:
    """Leave out what crontab writes above a table, which names the time."""
    lines = table.splitlines(keepends=True)
    return b"".join(each for each in lines if not each.startswith((b"# DO NOT EDIT", b"# (")))
