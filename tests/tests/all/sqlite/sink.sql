CREATE TABLE parent (id INTEGER PRIMARY KEY AUTOINCREMENT, code TEXT NOT NULL COLLATE NOCASE UNIQUE ON CONFLICT IGNORE);
INSERT INTO parent VALUES (1, 'a'), (100, 'b');
DELETE FROM parent WHERE id = 100;
CREATE TABLE child (
  id INTEGER PRIMARY KEY, -- the rowid
  parent INT CONSTRAINT of_parent REFERENCES parent (id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
  "odd name" VARCHAR(20) DEFAULT 'it''s', price NUMERIC(10, 2) CHECK (price >= 0),
  twice INT GENERATED ALWAYS AS (id * 2) STORED, named TEXT AS ('n' || id) VIRTUAL,
  CONSTRAINT both UNIQUE (parent, "odd name"), CHECK (id <> 7)
);
INSERT INTO child (id, parent, price) VALUES (1, 1, 1.5), (2, NULL, NULL);
CREATE TABLE pair (k TEXT, n INTEGER, v, PRIMARY KEY (k, n DESC)) WITHOUT ROWID;
INSERT INTO pair VALUES ('a', 1, 'x'), ('a', 2, x'00');
CREATE TABLE strict_one (id INTEGER PRIMARY KEY, a ANY, r REAL, t TEXT, b BLOB, i INT) STRICT;
INSERT INTO strict_one VALUES (1, '5', 1, 't', x'00', 1), (2, 5, 1.5, '', x'', -1), (3, x'05', NULL, NULL, NULL, NULL),
  (4, 5.0, 2, 'q', x'01', 2);
CREATE TABLE both_kinds (k ANY PRIMARY KEY, v ANY) STRICT, WITHOUT ROWID;
INSERT INTO both_kinds VALUES ('1', 1), (1, '1'), (x'31', '01');
CREATE TABLE upside (id INTEGER PRIMARY KEY DESC, v TEXT);
INSERT INTO upside VALUES (1, 'a'), (NULL, 'b');
CREATE TABLE defaults (
  id INTEGER PRIMARY KEY, d1 DATETIME DEFAULT CURRENT_TIMESTAMP, d2 TEXT DEFAULT (strftime('%Y', 'now')),
  q TEXT DEFAULT "double", h BLOB DEFAULT x'00ff', i INTEGER DEFAULT 1.5, n BIGINT DEFAULT null);
INSERT INTO defaults (id) VALUES (1);
CREATE TABLE "Weird ""name"" [x]" ("col ""q""" INT, 'single' TEXT, [br ack] INT, `tick` INT);
INSERT INTO "Weird ""name"" [x]" VALUES (1, '2', 3, 4);
CREATE UNIQUE INDEX ux ON "Weird ""name"" [x]" ("br ack" DESC, lower(single)) WHERE tick > 0;
CREATE INDEX "ix with space" ON child ("odd name" COLLATE NOCASE DESC);
CREATE TABLE loose (a, b);
INSERT INTO loose VALUES (1, '1'), ('1', 1.0), (x'31', NULL);
