"""connector.yaml as people get it wrong: every mistake is one line with its place, and all come at once."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from filesync.config import ConfigProblem, ConfigProblems, load_config
from filesync.core.errors import ConfigError
from filesync.providers.google_drive import KIND
from filesync.runtime.settings import load_settings

Find = Callable[..., tuple[ConfigProblem, ...]]
HEAD = "endpoints:\n  - name: D\n    endpoint_type: google_drive\n"
ACC = "endpoints:\n  - name: P\n    endpoint_type: autodesk_construction_cloud\n    endpoint_details:\n      project_id: b.x\n"
ACC_SET = "endpoints:\n  - name: 'P {project_name}'\n    endpoint_type: autodesk_construction_cloud\n    endpoint_details:\n      hub_id: b.x\n      projects: {}\n"
HUB = "b.6c2cffb0-e8c8-43d3-b415-e53f4377cedb"
ACC_LINK = "https://acc.autodesk.com/docs/files/projects/6c2cffb0-e8c8-43d3-b415-e53f4377cedb?folderUrn=urn%3Aadsk.wipprod%3Afs.folder%3Aco.X-y&entityId=u"
B360_LINK = "https://docs.b360.autodesk.com/projects/6c2cffb0-e8c8-43d3-b415-e53f4377cedb/folders/urn:adsk.wipprod:fs.folder:co.X-y/detail"


@pytest.fixture
def find(tmp_path: Path) -> Find:
    def found(text: str | bytes, **environ: str) -> tuple[ConfigProblem, ...]:
        file = tmp_path / "connector.yaml"
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        with pytest.raises(ConfigProblems) as caught:
            load_config(file, load_settings(tmp_path, environ))
        mistakes = caught.value.mistakes
        assert str(caught.value).splitlines() == [str(each) for each in mistakes]
        assert list(mistakes) == sorted(mistakes, key=lambda each: (each.line, each.column))
        assert all(str(each).startswith(f"{file}:{each.line}:{each.column}: ") for each in mistakes)
        return mistakes

    return found


TEN = """\
defaults:
  reconcile_evry: 6h
  max_delete_percent: 150
endpoints:
  - name: A
    endpoint_type: autodesk_constuction_cloud
  - name: A
    endpoint_type: google_drive
    endpoint_details:
      folder_id: 1x
      shared_with_me: true
      file_types: [pdf, 7z x]
      modified_after: 2026-05-01
      modified_before: 2026-01-01
    schedule: {type: cron, cron: "61 * * * *", timezone: Europe/Berln}
  - name: ${NOPE}
    endpoint_type: google_drive
"""


def test_ten_mistakes_are_found_in_one_go_each_on_its_line(find: Find) -> None:
    found = [(each.line, each.path, each.endpoint) for each in find(TEN)]
    assert found == [
        (2, "defaults.reconcile_evry", None),
        (3, "defaults.max_delete_percent", None),
        (6, "endpoints[0].endpoint_type", "A"),
        (7, "endpoints[1].name", "A"),
        (11, "endpoints[1].endpoint_details.shared_with_me", "A"),
        (12, "endpoints[1].endpoint_details.file_types[1]", "A"),
        (14, "endpoints[1].endpoint_details.modified_before", "A"),
        (15, "endpoints[1].schedule.cron", "A"),
        (15, "endpoints[1].schedule.timezone", "A"),
        (16, "endpoints[2].name", None),
    ]


def test_a_line_says_where_what_was_found_and_what_is_allowed(find: Find, tmp_path: Path) -> None:
    (mistake,) = find(HEAD + "    is_active: perhaps\n")
    assert str(mistake) == (
        f"{tmp_path}/connector.yaml:4:16: endpoint 'D': endpoints[0].is_active: found 'perhaps': true or false is needed"
    )


@pytest.mark.parametrize(
    ("text", "line", "column", "words"),
    [
        # the file as such
        ("", 1, 1, "the file is empty"),
        ("# nothing\n", 1, 1, "the file is empty"),
        ("- a\n", 1, 1, "found a list: a mapping is needed"),
        ("endpoints: 'x\n", 2, 1, "not valid YAML"),
        ("endpoints: []\na:\n\tb: 1\n", 3, 1, "a tab: YAML is indented with spaces"),
        ("endpoints: []\n---\na: 1\n", 2, 1, "a second document"),
        ("endpoints: []\nx: \x07\n", 2, 4, "character U+0007"),
        (b"endpoints: []\n# \xff\n", 2, 3, "not UTF-8"),
        ("endpoints: []\n".encode("utf-16"), 1, 1, "not UTF-8"),
        ("[" * 900, 1, 52, "nested more than 50 levels"),
        ("endpoints: !!python/object:x []\n", 1, 12, "leave it out"),
        ("endpoints: [{name: ${X}}]\n", 1, 21, 'write "${NAME}" in quotes'),
        ("endpoints:\n  - name: a: b\n", 2, 12, "or a : not in quotes?"),
        ("endpoints: *none\n", 1, 12, "nothing has that anchor"),
        ("endpoints: &a [*a]\n", 1, 16, "nothing has that anchor"),
        ("? [a]\n: b\n", 1, 3, "a key must be a plain word"),
        ("a: b\n", 1, 1, "key 'endpoints' is missing"),
        ("endpoints:\n", 1, 1, "key 'endpoints' has no value"),
        ("endpoints: [text]\n", 1, 13, "found 'text': a mapping is needed"),
        ("endpoints: []\nendpoints: []\n", 2, 1, "given twice, first on line 1"),
        ("endpoints: []\nrate_limit_percent: 0\n", 2, 21, "found '0': 1 or more is needed"),
        ("endpoints: []\nrate_limit_percent: true\n", 2, 21, "found true: a number is needed"),
        ("endpoints: []\nrate_limit: 5\n", 2, 1, "did you mean rate_limit_percent?"),
        ("endpoints: []\ndefaults: {name: x}\n", 2, 12, "unknown key 'name'"),
        ("endpoints: []\ndefaults: {endpoint_details: {file_type: [x]}}\n", 2, 31, "did you mean file_types?"),
        # named credentials
        ("endpoints: []\ncredentials: [x]\n", 2, 14, "a mapping is needed"),
        ("endpoints: []\ncredentials: {partner: x}\n", 2, 24, "a mapping is needed: lines"),
        ("endpoints: []\ncredentials:\n  partner: {client_idd: x}\n", 3, 13, "did you mean client_id?"),
        ("endpoints: []\ncredentials:\n  partner: {auth: two_leged}\n", 3, 19, "'two_legged', 'three_legged' or"),
        ("endpoints: []\ncredentials:\n  partner: {client_id: [x]}\n", 3, 24, "text is needed"),
        ('endpoints: []\ncredentials:\n  "": {client_id: x}\n', 3, 3, "a name in one line of printable characters"),
        # an endpoint
        ("endpoints:\n  - endpoint_type: google_drive\n", 2, 5, "key 'name' is missing"),
        ("endpoints:\n  - name:\n    endpoint_type: google_drive\n", 2, 5, "key 'name' has no value"),
        ("endpoints:\n  - name: D\n", 2, 5, "key 'endpoint_type' is missing"),
        ("endpoints:\n  - name: D\n    endpoint_type: drive\n", 3, 20, "allowed: autodesk_construction_cloud, google_drive"),
        ("endpoints:\n  - name: D\n    endpoint_type: googel_drive\n", 3, 20, "did you mean google_drive?"),
        ("endpoints:\n  - name: [x]\n    endpoint_type: google_drive\n", 2, 11, "found a list: text is needed"),
        ('endpoints:\n  - name: "a\\nb"\n    endpoint_type: google_drive\n', 2, 11, "one line of printable characters"),
        (HEAD + "    is_activ: true\n", 4, 5, "did you mean is_active?"),
        (HEAD + "    file_types: [x]\n", 4, 5, "it belongs under endpoint_details"),
        (HEAD + "    credentials: x\n", 4, 18, "there is no set of credentials"),
        (HEAD + "    credentials: [x]\n", 4, 18, "text is needed"),
        (HEAD + "    credentials: parner\ncredentials: {partner: {}, other: {}}\n", 4, 18, "did you mean partner? allowed: partner, other"),
        (ACC + "    credentials: p\ncredentials: {p: {auth: auto}}\n", 6, 18, "credentials 'p' lack client_id, which"),
        ("defaults: {credentials: x}\nendpoints: []\n", 1, 25, "there is no set of credentials"),
        (HEAD + "    user_id: true\n", 4, 14, "found true: text is needed"),
        (HEAD + "    max_delete_percent: 101\n", 4, 25, "100 or less is needed"),
        (HEAD + "    max_delete_percent: .nan\n", 4, 25, "a number is needed"),
        (HEAD + "    time_limit: 4\n", 4, 17, "a length needs its unit"),
        (HEAD + "    time_limit: 0s\n", 4, 17, "more than nothing"),
        (HEAD + "    reconcile_every: often\n", 4, 22, "a number with its unit"),
        (HEAD + "    expected_unreadable: HR\n", 4, 26, "a list is needed"),
        (HEAD + "    endpoint_details: x\n", 4, 23, "a mapping is needed"),
        (HEAD + "    user_id: ${NOPE}\n", 4, 14, "variable NOPE is not set"),
        (HEAD + "    user_id: ${a b}\n", 4, 14, "must be followed by a variable's name"),
        # its schedule
        (HEAD + "    schedule: 5\n", 4, 15, "a mapping is needed"),
        (HEAD + "    schedule: {cron: '* * * * *'}\n", 4, 15, "key 'type' is missing; allowed types: interval, cron, manual"),
        (HEAD + "    schedule: {type: crn}\n", 4, 22, "did you mean cron?"),
        (HEAD + "    schedule: {type: cron}\n", 4, 15, "key 'cron' is missing"),
        (HEAD + "    schedule: {type: interval}\n", 4, 15, "key 'interval_minutes' is missing"),
        (HEAD + "    schedule: {type: interval, interval_minutes: 0}\n", 4, 50, "1 or more is needed"),
        (HEAD + "    schedule: {type: interval, interval_minutes: 2.5}\n", 4, 50, "a whole number is needed"),
        (HEAD + "    schedule: {type: interval, interval_minutes: five}\n", 4, 50, "a whole number is needed"),
        (HEAD + "    schedule: {type: cron, cron: '* * * * *', interval_minutes: 5}\n", 4, 47, "goes with type: interval only"),
        (HEAD + "    schedule: {type: manual, cron: '* * * * *'}\n", 4, 30, "goes with type: cron only"),
        (HEAD + "    schedule: {type: cron, cron: '@daily'}\n", 4, 34, "five fields are needed"),
        (HEAD + "    schedule: {type: cron, cron: '0 0 31 2,4 *'}\n", 4, 34, "no day matches all of this, so it would never run"),
        (HEAD + "    schedule: {type: cron, cron: '0 0 32 2 *'}\n", 4, 34, "bad day-of-month: 1 to 31 is allowed"),
        (HEAD + "    schedule: {type: cron, cron: '* * * * *', timezone: Berlin}\n", 4, 57, "did you mean Europe/Berlin?"),
        (HEAD + "    schedule: {type: cron, cron: '* * * * *', timezone: ../../etc/passwd}\n", 4, 57, "an IANA time zone is needed"),
        # cron would take the first value alone, and never say so
        (HEAD + "    schedule: {type: cron, cron: '*/90 * * * *'}\n", 4, 34, "so it means 0; for every 90 minutes write {type: interval, interval_minutes: 90}"),
        (HEAD + "    schedule: {type: cron, cron: '0,5/90 * * * *'}\n", 4, 34, "minute 5 to 59, so it means 5; for every 90 minutes"),
        (HEAD + "    schedule: {type: cron, cron: '0 */36 * * *'}\n", 4, 34, "interval_minutes: 2160}"),
        (HEAD + "    schedule: {type: cron, cron: '0 0 */40 * *'}\n", 4, 34, "interval_minutes: 57600}"),
        (HEAD + "    schedule: {type: cron, cron: '0 0 1 */13 *'}\n", 4, 34, "month 1 to 12, so it means 1; write 1 if that is meant"),
        (HEAD + "    schedule: {type: cron, cron: '0 0 * * */8'}\n", 4, 34, "day-of-week 0 to 6"),
        (HEAD + "    schedule: {type: cron, cron: '0 0 * * MON-FRI/6'}\n", 4, 34, "day-of-week 1 to 5"),
        (HEAD + "    schedule: {type: cron, cron: '10-20/15 * * * *'}\n", 4, 34, "minute 10 to 20"),
        (HEAD + "    schedule: {type: cron, cron: '0 24 * * *'}\n", 4, 34, "bad hour: 0 to 23 is allowed"),
        (HEAD + "    schedule: {type: cron, cron: '0 22-6 * * *'}\n", 4, 34, "ranges begin with the lower value"),
        (HEAD + "    schedule: {type: cron, cron: '0 0 30 2 *'}\n", 4, 34, "no day matches all of this"),
        # abbreviations and offsets are no zones, and what is spelt alike may be the other side of the earth
        (HEAD + "    schedule: {type: cron, cron: '* * * * *', timezone: CEST}\n", 4, 57, "an abbreviation is no zone: did you mean Europe/Berlin or "),
        (HEAD + "    schedule: {type: cron, cron: '* * * * *', timezone: pst}\n", 4, 57, "did you mean America/Los_Angeles or "),
        (HEAD + "    schedule: {type: cron, cron: '* * * * *', timezone: IST}\n", 4, 57, "did you mean Asia/Kolkata or Europe/Dublin or Asia/Jerusalem?"),
        (HEAD + "    schedule: {type: cron, cron: '* * * * *', timezone: BST}\n", 4, 57, "did you mean Europe/London or "),
        (HEAD + "    schedule: {type: cron, cron: '* * * * *', timezone: XYZ}\n", 4, 57, "found 'XYZ': an IANA time zone is needed"),
        (HEAD + "    schedule: {type: cron, cron: '* * * * *', timezone: GMT+2}\n", 4, 57, "an offset is no zone: did you mean Europe/Berlin or Asia/Jerusalem or Europe/Helsinki or Etc/GMT-2 (all year;"),
        (HEAD + "    schedule: {type: cron, cron: '* * * * *', timezone: 'UTC+05:30'}\n", 4, 57, "did you mean Asia/Kolkata or "),
        (HEAD + "    schedule: {type: cron, cron: '* * * * *', timezone: 'UTC+0'}\n", 4, 57, "did you mean UTC?"),
        (HEAD + "    schedule: {type: cron, cron: '* * * * *', timezone: New York}\n", 4, 57, "did you mean America/New_York?"),
        # zones by name only: what was meant has summer time, or another country's
        (HEAD + "    schedule: {type: cron, cron: '* * * * *', timezone: EST}\n", 4, 57, "an abbreviation is no zone: did you mean America/New_York or "),
        (HEAD + "    schedule: {type: cron, cron: '* * * * *', timezone: CET}\n", 4, 57, "did you mean Europe/Berlin or "),
        (HEAD + "    schedule: {type: cron, cron: '* * * * *', timezone: MET}\n", 4, 57, "did you mean Europe/Berlin or "),
        (HEAD + "    schedule: {type: cron, cron: '* * * * *', timezone: MST7MDT}\n", 4, 57, "did you mean America/Denver or "),
        # YAML takes what begins with * for an alias
        (HEAD + "    schedule:\n      type: cron\n      cron: */5 * * * *\n", 6, 14, 'a cron line that begins with * needs quotes: cron: "*/5 * * * *"'),
        (HEAD + "    schedule: {type: cron, cron: * 6-20 * * 1-5, timezone: UTC}\n", 4, 35, 'needs quotes: cron: "* 6-20 * * 1-5"'),
        (HEAD + "    schedule: */5 * * * *\n", 4, 16, 'needs quotes: schedule: {type: cron, cron: "*/5 * * * *"}'),
        (HEAD + "    endpoint_details: {exclude: [**/x, b]}\n", 4, 35, 'text that begins with * needs quotes: exclude: ["**/x"]'),
        (HEAD + "    endpoint_details:\n      include: *.rvt # models\n", 5, 17, 'text that begins with * needs quotes: include: ["*.rvt"]'),
        (HEAD + "    endpoint_details:\n      exclude:\n        - **/x\n", 6, 12, 'text that begins with * needs quotes, such as "*.rvt"'),
        (HEAD + "    schedule: 5m\n", 4, 15, "found '5m': a mapping is needed, such as {type: interval, interval_minutes: 5}"),
        (HEAD + "    schedule: 0 6 * * *\n", 4, 15, 'such as {type: cron, cron: "0 6 * * *"}'),
        (HEAD + "    schedule: hourly\n", 4, 15, "such as {type: interval, interval_minutes: 15}"),
        # filters
        (HEAD + "    endpoint_details: {exclude: ['\\Project Files\\**']}\n", 4, 34, "so write Project Files/**"),
        (HEAD + "    endpoint_details: {file_type: [x]}\n", 4, 24, "did you mean file_types?"),
        (HEAD + "    endpoint_details: {file_types: pdf}\n", 4, 36, "a list is needed"),
        (HEAD + "    endpoint_details: {file_types: [tar.gz]}\n", 4, 37, "only what follows the last dot is a file's type: gz"),
        (HEAD + "    endpoint_details: {modified_after: 2026}\n", 4, 40, "a date (2026-01-31)"),
        (HEAD + "    endpoint_details: {modified_after: 90}\n", 4, 40, "or an age (90d, 12h, 2w)"),
        (HEAD + "    endpoint_details: {modified_after: '0001-01-01T00:00:00+05:00'}\n", 4, 40, "a date (2026-01-31)"),
        (HEAD + "    endpoint_details: {modified_after: 2026-02-30}\n", 4, 40, "a date (2026-01-31)"),
        (HEAD + "    endpoint_details: {modified_after: 1d, modified_before: 2d}\n", 4, 61, "must be later than modified_after"),
        (HEAD + "    endpoint_details: {include: ['a\\b']}\n", 4, 34, "separated by /, so write a/b"),
        (HEAD + "    endpoint_details: {exclude: [Old/]}\n", 4, 34, "write Old/**"),
        # sets
        (HEAD + "    endpoint_details: {drives: {include: ['*']}}\n", 2, 11, "found 'D': {drive_name} is needed in the name of a set"),
        (HEAD + "    endpoint_details: {projects: {include: ['*']}}\n", 4, 24, "unknown key 'projects'"),
        (HEAD + "    endpoint_details: {drives: {}, drive_id: 0A}\n", 4, 36, "with drives the endpoint is a set, so leave one of them out"),
        (HEAD + "    endpoint_details: {drives: {}, shared_with_me: true}\n", 4, 36, "leave one of them out"),
        (HEAD + "    endpoint_details: {drives: {includ: [x]}}\n", 4, 33, "did you mean include? allowed: exclude, include"),
        (HEAD + "    endpoint_details: {drives: {include: x}}\n", 4, 42, "a list is needed"),
        (HEAD + "    endpoint_details: {drives: {include: ['']}}\n", 4, 43, "an empty pattern"),
        (HEAD + "    endpoint_details: {drives: {include: ['[b-a]']}}\n", 4, 43, "runs backwards"),
        (HEAD + "    endpoint_details: {drives: x}\n", 4, 32, "a mapping is needed"),
        (HEAD + "    endpoint_details: {drives: }\n", 4, 24, "key 'drives' has no value"),
        (ACC_SET.replace("hub_id: b.x", "include: []"), 5, 7, "key 'hub_id' is missing"),
        (ACC_SET.replace("P {project_name}", "P"), 2, 11, "{project_name} is needed in the name of a set"),
        (ACC_SET + "      project_id: b.x\n", 7, 7, "with projects the endpoint is a set"),
        (ACC_SET + "      folder_id: urn:adsk.wipprod:fs.folder:co.x\n", 7, 7, "with projects the endpoint is a set"),
        (ACC_SET + ACC_SET.removeprefix("endpoints:\n").replace("P {", "Q {"), 7, 5, "reads the same as endpoint 'P {project_name}' on line 2"),
        # ids
        (HEAD + "    endpoint_details: {folder_id: 'https://drive.google.com/drive/u/0/folders/1x_-Y?usp=sharing'}\n", 4, 35, "a web link; use 1x_-Y"),
        (HEAD + "    endpoint_details: {drive_id: 'https://drive.google.com/open?id=0Ab'}\n", 4, 34, "a web link; use 0Ab"),
        (HEAD + "    endpoint_details: {drive_id: 'https://example.com'}\n", 4, 34, "a web link that holds no such id"),
        (HEAD + "    endpoint_details: {folder_id: 'https://drive.google.com/file/d/1x_-Y/view'}\n", 4, 35, "a link to a file; a folder's or a shared drive's has /folders/ in it"),
        (HEAD + "    endpoint_details: {folder_id: 'https://docs.google.com/spreadsheets/d/1x_-Y/edit#gid=0'}\n", 4, 35, "a link to a file"),
        (ACC.replace("b.x", HUB) + "      hub_id: " + HUB + "\n", 5, 19, "the hub's id, as line 6 has it; filesync discover lists"),
        (ACC.replace("b.x", HUB) + ACC_SET.removeprefix("endpoints:\n").replace("b.x", HUB.upper().replace("B.", "")), 5, 19, "the hub's id, as line 9 has it"),
        (ACC + "      folder_id: 'https://acc.autodesk.com/docs/files/projects/x?entityId=urn%3Aadsk.wipprod%3Adm.lineage%3Aab'\n", 6, 18, "a link to a file; open its folder, whose link has folderUrn="),
        (HEAD + "    endpoint_details: {drive_id: 0A…}\n", 4, 34, "an id is needed, without spaces"),
        (HEAD + "    endpoint_details: {folder_id: root}\n", 4, 35, "for My Drive leave drive_id and folder_id out"),
        (HEAD + "    endpoint_details: {drive_id: a, shared_with_me: true}\n", 4, 53, "leave it or drive_id out"),
        (HEAD + "    endpoint_details: {subject: me}\n", 4, 33, "an e-mail address is needed"),
        ("endpoints:\n  - name: P\n    endpoint_type: autodesk_construction_cloud\n", 2, 5, "key 'project_id' is missing"),
        (ACC.replace("b.x", "a.x"), 5, 19, "Fusion Team or A360"),
        (ACC.replace("b.x", "urn:adsk.wipprod:fs.folder:co.x"), 5, 19, "the id of a folder or file"),
        (ACC.replace("b.x", ACC_LINK), 5, 19, "use b.6c2cffb0-e8c8-43d3-b415-e53f4377cedb"),
        (ACC + f"      folder_id: {ACC_LINK}\n", 6, 18, "use urn:adsk.wipprod:fs.folder:co.X-y"),
        (ACC + f"      folder_id: {B360_LINK}\n", 6, 18, "use urn:adsk.wipprod:fs.folder:co.X-y"),
        (ACC + "      folder_id: urn:adsk.wipprod:dm.lineage:X\n", 6, 18, "the id of a file"),
        (ACC + "      folder_id: co.X\n", 6, 18, "a folder's id looks like urn:adsk"),
        (ACC + "      act_as_user: a b\n", 6, 20, "a user's id is needed"),
    ],
)  # fmt: skip
def test_every_mistake_is_one_line_at_its_place(
    find: Find, text: str | bytes, line: int, column: int, words: str
) -> None:
    mistakes = [each for each in find(text) if words in each.message]
    assert [(each.line, each.column) for each in mistakes] == [(line, column)]
    assert "\n" not in str(mistakes[0])


def test_a_missing_file_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match="no such file; go to a home or name one with --home, or start one: filesync init"
    ):
        load_config(tmp_path / "none.yaml", load_settings(tmp_path, {}))


def test_a_file_beyond_measure_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_bytes(b"endpoints: [] #" + b"x" * 5_000_001)
    with pytest.raises(ConfigError, match="longer than 5 MB"):
        load_config(tmp_path / "c.yaml", load_settings(tmp_path, {}))


def test_aliases_cannot_grow_a_small_file_into_a_big_one(find: Find) -> None:
    lines = ["a: &a [1,1,1,1,1,1,1,1,1,1]"]
    lines += [
        f"{after}: &{after} [{','.join([f'*{before}'] * 10)}]"
        for before, after in zip("abcdefgh", "bcdefghi", strict=True)
    ]
    (mistake,) = find("\n".join(lines))
    assert "more than 100000 values" in mistake.message


def test_the_same_scope_twice_is_refused_however_it_is_written(find: Find) -> None:
    bare, written = "6c2cffb0-e8c8-43d3-b415-e53f4377cedb", "b.6C2CFFB0-e8c8-43d3-b415-e53f4377cedb"
    text = "endpoints:\n" + "".join(
        f"  - {{name: {name}, endpoint_type: autodesk_construction_cloud, endpoint_details: {{project_id: {project}}}}}\n"
        for name, project in (("A", bare), ("B", written))
    )
    (mistake,) = find(text)
    assert (mistake.line, mistake.endpoint) == (3, "B")
    assert "reads the same as endpoint 'A' on line 2" in mistake.message


def test_names_differ_by_case(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text(
        "endpoints:\n  - {name: a, endpoint_type: google_drive, endpoint_details: {drive_id: x}}\n  - {name: A, endpoint_type: google_drive, endpoint_details: {drive_id: y}}\n"
    )
    assert len(load_config(tmp_path / "c.yaml", load_settings(tmp_path, {})).endpoints) == 2


def test_the_same_scope_is_found_although_another_key_is_wrong(find: Find) -> None:
    text = "endpoints:\n  - {name: a, endpoint_type: google_drive, endpoint_details: {drive_id: x}}\n  - {name: b, endpoint_type: google_drive, endpoint_details: {drive_id: x}, time_limit: 4}\n"
    assert [each.line for each in find(text)] == [3, 3]


def test_act_as_user_under_another_login_is_refused(find: Find) -> None:
    (mistake,) = find(ACC + "      act_as_user: U1\n", CONNECTOR_AUTODESK_AUTH="service_account")
    assert (mistake.line, mistake.path) == (6, "endpoints[0].endpoint_details.act_as_user")
    assert "CONNECTOR_AUTODESK_AUTH is service_account" in mistake.message


@pytest.mark.parametrize("environ", [{"GOOGLE_CREDENTIALS_PATH": "other.json"}, {}])
def test_a_service_account_has_no_my_drive(find: Find, tmp_path: Path, environ: Mapping[str, str]) -> None:
    path = tmp_path / environ.get("GOOGLE_CREDENTIALS_PATH", "credentials/google-service-account.json")
    path.parent.mkdir(exist_ok=True)
    path.write_text('{"type": "service_account"}')
    mistakes = find(HEAD + "    endpoint_details: {file_types: 5}\n", **environ)
    assert [each.path for each in mistakes] == [
        "endpoints[0].endpoint_details",
        "endpoints[0].endpoint_details.file_types",
    ]
    assert "a service account has no My Drive worth listing" in mistakes[0].message


def test_a_mistake_in_defaults_is_told_once_and_not_for_every_endpoint(find: Find) -> None:
    text = (
        "defaults: {time_limit: 4, schedule: {type: crn}, endpoint_details: {file_types: [a.b]}}\n"
        + HEAD
        + "  - {name: E, endpoint_type: google_drive, endpoint_details: {drive_id: x}}\n"
    )
    assert [(each.line, each.path) for each in find(text)] == [
        (1, "defaults.time_limit"),
        (1, "defaults.schedule.type"),
        (1, "defaults.endpoint_details.file_types[0]"),
    ]


def test_an_unset_variable_is_one_mistake_whatever_was_to_become_of_it(find: Find) -> None:
    (mistake,) = find(HEAD + "    is_active: ${NOPE}\n")
    assert "NOPE" in mistake.message


def test_two_endpoints_with_the_same_unset_variable_are_not_called_the_same(find: Find) -> None:
    line = '  - {name: %s, endpoint_type: autodesk_construction_cloud, endpoint_details: {project_id: "${NOPE}"}}'
    text = "endpoints:\n" + "\n".join(line.replace("%s", name) for name in "ab")
    assert [(each.line, "NOPE" in each.message) for each in find(text)] == [(2, True), (3, True)]


def test_what_a_variable_holds_is_not_shown(find: Find) -> None:
    (mistake,) = find(HEAD + "    is_active: ${HIDDEN}\n", HIDDEN="not-a-secret")
    assert "not-a-secret" not in str(mistake)
    assert "found '${HIDDEN}'" in mistake.message


def test_foreign_text_in_a_message_is_printable_and_short(find: Find) -> None:
    (mistake,) = find(HEAD + '    is_active: "\\e[31m\\u202e' + "x" * 500 + '"\n')
    assert str(mistake).isprintable()
    assert len(mistake.message) < 200


def test_both_a_variable_and_its_file_are_a_mistake_where_it_is_used(find: Find) -> None:
    (mistake,) = find(HEAD + "    user_id: ${LABEL}\n", LABEL="a", LABEL_FILE="b")
    assert mistake.line == 4
    assert "LABEL and LABEL_FILE are both set" in mistake.message


def test_an_endpoint_type_of_another_package_is_looked_up(tmp_path: Path) -> None:
    asked: list[str] = []

    def kind_of(name: str) -> Any:
        asked.append(name)
        return KIND

    (tmp_path / "c.yaml").write_text("endpoints: [{name: X, endpoint_type: elsewhere}]\n")
    (endpoint,) = load_config(tmp_path / "c.yaml", load_settings(tmp_path, {}), kind_of).endpoints
    assert (asked, endpoint.endpoint_type, endpoint.kind) == (["elsewhere"], "elsewhere", KIND)
