CREATE SEQUENCE tickets START WITH 100 INCREMENT BY 10 MINVALUE 5 CACHE 4 CYCLE COMMENT 'of tickets';
CREATE SEQUENCE untouched START WITH 7 NOCACHE;
CREATE TABLE numbered (
  id bigint NOT NULL DEFAULT nextval(tickets), v int, PRIMARY KEY (id));
INSERT INTO numbered (v) VALUES (1), (2);
CREATE TABLE parent (
  id bigint unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY, code varchar(20) NOT NULL, UNIQUE KEY by_code (code)) AUTO_INCREMENT = 1000;
INSERT INTO parent VALUES (5, 'a'), (7, 'b');
CREATE TABLE child (
  at int NOT NULL, parent bigint unsigned, n int NOT NULL AUTO_INCREMENT, PRIMARY KEY (at, n), KEY by_n (n),
  CONSTRAINT of_parent FOREIGN KEY (parent) REFERENCES parent (id) ON DELETE SET NULL ON UPDATE CASCADE);
INSERT INTO child VALUES (1, 5, 3), (1, NULL, 4), (2, 7, 9);
CREATE TABLE defaults (
  id int NOT NULL AUTO_INCREMENT PRIMARY KEY,
  quoted varchar(20) NOT NULL DEFAULT '''z''', backslash varchar(20) NOT NULL DEFAULT 'a\\b',
  newline varchar(20) NOT NULL DEFAULT 'a\nb', word_null varchar(10) NOT NULL DEFAULT 'NULL',
  empty varchar(10) NOT NULL DEFAULT '', intro text NOT NULL DEFAULT (_utf8mb3'hi'),
  question varchar(10) DEFAULT 'what?', face varchar(10) DEFAULT '😀?',
  bit1 bit(1) NOT NULL DEFAULT b'1', bit8 bit(8) NOT NULL DEFAULT b'1010',
  hexed varbinary(4) NOT NULL DEFAULT x'00ff', token binary(4) NOT NULL DEFAULT x'c3ff00fe',
  short binary(4) DEFAULT 'ab', letters varbinary(9) DEFAULT x'c3a427', body blob DEFAULT 'a\0b',
  computed varbinary(5) DEFAULT (concat(x'ff', x'00')),
  latin varchar(5) CHARACTER SET latin1 NOT NULL DEFAULT 'ä€',
  price decimal(6,2) NOT NULL DEFAULT -1.50, wide decimal(65,30) DEFAULT 0, fl double NOT NULL DEFAULT 1e10,
  changed datetime(6) NOT NULL DEFAULT current_timestamp(6) ON UPDATE current_timestamp(6),
  touched timestamp NULL DEFAULT NULL ON UPDATE current_timestamp(),
  zero datetime DEFAULT '0000-00-00 00:00:00', no_day date NOT NULL DEFAULT '2024-00-00',
  tm time NOT NULL DEFAULT '10:20:30', yy year NOT NULL DEFAULT 2021,
  en enum('a','b,c','it''s','ba\\ck') NOT NULL DEFAULT 'ba\\ck', st set('x','y') NOT NULL DEFAULT 'x,y',
  ex int NOT NULL DEFAULT (1 + 2), uu varchar(36) NOT NULL DEFAULT uuid(), today date DEFAULT (current_date()),
  padded int(6) zerofill, small tinyint(1) unsigned NOT NULL DEFAULT 1
) COMMENT = 'it''s a\\b';
INSERT INTO defaults (id) VALUES (1);
CREATE TABLE lonely LIKE defaults;
CREATE TABLE price (
  id int PRIMARY KEY, amount decimal(8,2), note varchar(9) WITHOUT SYSTEM VERSIONING, UNIQUE KEY by_amount (amount, note)
) WITH SYSTEM VERSIONING;
INSERT INTO price VALUES (1, 1.00, 'a'), (2, 2.00, 'b');
UPDATE price SET amount = 1.50 WHERE id = 1;
DELETE FROM price WHERE id = 2;
CREATE TABLE explicit_v (
  id int PRIMARY KEY, v int, row_start timestamp(6) GENERATED ALWAYS AS ROW START,
  row_end timestamp(6) GENERATED ALWAYS AS ROW END, KEY by_v (v), PERIOD FOR SYSTEM_TIME (row_start, row_end)
) WITH SYSTEM VERSIONING;
INSERT INTO explicit_v (id, v) VALUES (1, 1), (2, 2);
UPDATE explicit_v SET v = 9 WHERE id = 2;
CREATE TABLE by_time (id int PRIMARY KEY, v int) WITH SYSTEM VERSIONING
  PARTITION BY SYSTEM_TIME LIMIT 100 (PARTITION p0 HISTORY, PARTITION pc CURRENT);
INSERT INTO by_time VALUES (1, 1);
CREATE TABLE booking (
  room int, f date, t date, PERIOD FOR stay (f, t), UNIQUE KEY once (room, stay WITHOUT OVERLAPS));
INSERT INTO booking VALUES (1, '2024-01-01', '2024-01-05'), (1, '2024-01-05', '2024-01-09');
CREATE TABLE keyed (
  a int, name varchar(30), b blob, w text, g point NOT NULL, PRIMARY KEY (a, name(10)), UNIQUE KEY ub (b(5)),
  UNIQUE KEY uw (w) USING HASH, KEY kw (w(20)), KEY kb (b(7), a DESC) COMMENT 'x', FULLTEXT KEY ft (w),
  SPATIAL KEY sg (g)
) COMMENT = 'c' ROW_FORMAT = COMPRESSED KEY_BLOCK_SIZE = 8 STATS_PERSISTENT = 1 COLLATE latin1_swedish_ci;
INSERT INTO keyed VALUES (1, 'n', 'b', 'w', point(1, 2));
CREATE TABLE parts (id int, d date, v varchar(9), PRIMARY KEY (id, d), KEY (v)) PARTITION BY RANGE (year(d))
  SUBPARTITION BY HASH (id) SUBPARTITIONS 2
  (PARTITION p0 VALUES LESS THAN (2020) COMMENT 'old', PARTITION p1 VALUES LESS THAN MAXVALUE);
INSERT INTO parts VALUES (1, '2019-01-01', 'x'), (2, '2024-01-01', 'y');
CREATE TABLE listed (k int, v int) PARTITION BY LIST (k) (PARTITION odd VALUES IN (1, 3), PARTITION rest DEFAULT);
CREATE TABLE hidden (
  id int PRIMARY KEY, shown int, hidden int INVISIBLE DEFAULT 7, made timestamp NULL INVISIBLE DEFAULT current_timestamp(),
  twice int GENERATED ALWAYS AS (id + 1) VIRTUAL INVISIBLE, kept varchar(20) GENERATED ALWAYS AS (concat('😀', id)) STORED,
  KEY iv (shown) COMMENT 'not used' IGNORED, KEY by_twice (twice));
INSERT INTO hidden (id, shown, hidden) VALUES (1, 2, 3);
CREATE TABLE checked (
  id int PRIMARY KEY, a int CHECK (a BETWEEN 1 AND 10), b varchar(10), j json, face varchar(9),
  CONSTRAINT two CHECK (a < 10 AND b <> 'a;\nb'), CONSTRAINT glad CHECK (face <> '😀'));
INSERT INTO checked VALUES (1, 2, 'x', '{"a": 1}', 'y');
CREATE TABLE plain (id int NOT NULL AUTO_INCREMENT, grp int, v varchar(10) COMPRESSED, w int, PRIMARY KEY (grp, id), KEY (w))
  ENGINE = MyISAM ROW_FORMAT = FIXED AUTO_INCREMENT = 7 DELAY_KEY_WRITE = 1;
CREATE TABLE bare (id int AUTO_INCREMENT, v int, KEY (id)) ENGINE = Aria TRANSACTIONAL = 1;
INSERT INTO bare VALUES (4, 1);
CREATE TABLE computed (n int GENERATED ALWAYS AS (1) STORED);
INSERT INTO computed () VALUES ();
