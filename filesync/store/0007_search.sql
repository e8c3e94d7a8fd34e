-- Schema version 7: the program, not a trigger, puts new files into the search index.
--
-- FTS5 writes its index anew for each row that a trigger hands it; a sync now hands over a batch's new files at once.
-- Rows that another program put into `files` are unknown to the index: changing one makes it known, and deleting one
-- must take nothing out of the index that is not in it.

DROP TRIGGER files_search_insert;
DROP TRIGGER files_search_update;
DROP TRIGGER files_search_delete;

CREATE TRIGGER files_search_update AFTER UPDATE OF file_name, file_path ON files
WHEN old.file_name IS NOT new.file_name OR old.file_path IS NOT new.file_path BEGIN
    INSERT INTO files_search (files_search, rowid, file_name, file_path)
    SELECT 'delete', old.id, old.file_name, old.file_path
    WHERE EXISTS (SELECT 1 FROM files_search_docsize WHERE id = old.id);
    INSERT INTO files_search (rowid, file_name, file_path) VALUES (new.id, new.file_name, new.file_path);
END;

CREATE TRIGGER files_search_delete AFTER DELETE ON files
WHEN EXISTS (SELECT 1 FROM files_search_docsize WHERE id = old.id) BEGIN
    INSERT INTO files_search (files_search, rowid, file_name, file_path)
    VALUES ('delete', old.id, old.file_name, old.file_path);
END;
