"""stand-in"""

import psycopg

from filesync.runtime.database_url import PostgresAddress


def connect(address: PostgresAddress) -> "psycopg.Connection":
    return psycopg.connect(address.conninfo, autocommit=True, prepare_threshold=None)
