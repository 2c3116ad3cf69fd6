"""The tables of the store, and what turns an older library's into them. SQL only; `database` runs it."""

from __future__ import annotations

VERSION = "2"

TABLES = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE documents (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, chunker TEXT NOT NULL, text TEXT NOT NULL,
    sketch BLOB NOT NULL DEFAULT x''
);
CREATE TABLE names (
    name TEXT PRIMARY KEY, document INTEGER NOT NULL REFERENCES documents, file_sha256 TEXT NOT NULL,
    title TEXT NOT NULL DEFAULT '', date TEXT NOT NULL DEFAULT '', language TEXT NOT NULL DEFAULT '',
    pages TEXT NOT NULL DEFAULT '[]', seal TEXT NOT NULL DEFAULT ''
);
CREATE INDEX names_by_document ON names (document);
CREATE TABLE passages (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, document INTEGER NOT NULL REFERENCES documents,
    first INTEGER NOT NULL, last INTEGER NOT NULL, sentences TEXT NOT NULL, vector BLOB NOT NULL,
    seal TEXT NOT NULL DEFAULT ''
);
CREATE INDEX passages_by_document ON passages (document);
CREATE TABLE changes (
    number INTEGER PRIMARY KEY AUTOINCREMENT, generation TEXT NOT NULL, passage TEXT NOT NULL, gone INTEGER NOT NULL
);
CREATE INDEX changes_by_generation ON changes (generation);
CREATE VIRTUAL TABLE words USING fts5 (text, tokenize = "porter unicode61 remove_diacritics 2");
INSERT INTO meta VALUES ('schema', '2'), ('generation', hex(randomblob(8)));
"""
"""What a file says of its text (title, date, language, pages) belongs to the name: two files may hold one text. A
`seal` is a digest of its row (see `database.seal`). `changes` are the passages that came and went in making each
generation, the last ones only, so that an index can follow without comparing everything.
"""

UPGRADES = {
    "1": (
        "ALTER TABLE names ADD COLUMN title TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE names ADD COLUMN date TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE names ADD COLUMN language TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE names ADD COLUMN pages TEXT NOT NULL DEFAULT '[]'",
        "ALTER TABLE names ADD COLUMN seal TEXT NOT NULL DEFAULT ''",
        "UPDATE names SET (title, date) = (SELECT title, date FROM documents WHERE number = document)",
        "UPDATE names SET seal = seal(name, document, file_sha256, title, date, language, pages)",
        "ALTER TABLE documents ADD COLUMN sketch BLOB NOT NULL DEFAULT x''",
        "ALTER TABLE documents DROP COLUMN title",
        "ALTER TABLE documents DROP COLUMN date",
        "ALTER TABLE passages ADD COLUMN seal TEXT NOT NULL DEFAULT ''",
        "UPDATE passages SET seal = seal(id, document, first, last, sentences, vector)",
        "CREATE TABLE changes (number INTEGER PRIMARY KEY AUTOINCREMENT, generation TEXT NOT NULL,"
        " passage TEXT NOT NULL, gone INTEGER NOT NULL)",
        "CREATE INDEX changes_by_generation ON changes (generation)",
        "UPDATE meta SET value = '2' WHERE key = 'schema'",
    ),
}
"""By the version that is found: statements that make it the next one, in one transaction."""
