"""The columns that several tables share."""

from filesync.cli.output.table import Column
from filesync.core.durations import minute

ENDPOINT = Column("ENDPOINT", lambda row: row["endpoint"], rank=1, least=10)
PATH = Column("PATH", lambda row: row["file_path"], least=24)


def utc(heading: str, name: str, *, rank: int = 0, spare: bool = False) -> Column:
    """Make a column of moments, to the minute."""
    return Column(heading, lambda row: minute(row[name]), rank=rank, spare=spare)
