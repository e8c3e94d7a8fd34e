"""The store's SQL, written for PostgreSQL."""

from filesync.store.postgres.dialect import translate


def test_what_is_in_a_list_is_found_by_an_index_and_what_is_not_by_a_hash() -> None:
    asked = "SELECT id FROM files WHERE id {}IN (SELECT CAST(value AS BIGINT) FROM json_each(:ids))"
    assert "id = ANY (ARRAY(SELECT jsonb_array_elements_text(" in translate(asked.format(""), "s")
    assert "id NOT IN (SELECT jsonb_array_elements_text(" in translate(asked.format("NOT "), "s")
