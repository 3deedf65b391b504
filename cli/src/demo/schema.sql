-- A school district's database, grown over twenty years.

CREATE TABLE districts (
    id        INTEGER PRIMARY KEY,
    name      TEXT NOT NULL UNIQUE,
    region    VARCHAR(40) NOT NULL DEFAULT 'north',
    area_km2  DECIMAL(9,2),
    founded   DATE,
    website   TEXT            -- NULL: has none; empty: nobody knows
);

CREATE TABLE schools (
    id            INTEGER PRIMARY KEY,
    district_id   INTEGER NOT NULL REFERENCES districts (id),
    code          VARCHAR(12) NOT NULL UNIQUE,
    name          TEXT NOT NULL,
    kind          TEXT NOT NULL DEFAULT 'primary' CHECK (kind IN ('primary', 'middle', 'high')),
    capacity      INTEGER CHECK (capacity > 0),
    opened_on     DATE,
    principal_id  INTEGER REFERENCES staff (id),   -- a cycle: staff work at schools
    is_open       BOOLEAN NOT NULL DEFAULT 1,
    latitude      REAL,
    longitude     REAL
);

CREATE TABLE staff (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    school_id   INTEGER NOT NULL REFERENCES schools (id),
    manager_id  INTEGER REFERENCES staff (id),     -- the superintendent manages herself
    email       TEXT NOT NULL,
    first_name  TEXT NOT NULL,
    last_name   TEXT NOT NULL,
    hired_on    DATE NOT NULL,
    salary      DECIMAL(10,2) CHECK (salary >= 0),
    part_time   BOOLEAN NOT NULL DEFAULT 0,
    updated_at  DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE students (
    key             TEXT NOT NULL PRIMARY KEY CHECK (length(key) >= 13),   -- S-2019-004711
    school_id       INTEGER NOT NULL REFERENCES schools (id),
    first_name      TEXT NOT NULL,
    middle_name     TEXT,
    last_name       TEXT NOT NULL,
    preferred_name  TEXT NOT NULL DEFAULT '',
    birth_date      DATE NOT NULL,
    enrolled_on     DATE NOT NULL,
    withdrawn_on    DATE,
    bus_distance    DOUBLE PRECISION,
    photo           BLOB
);

CREATE TABLE guardians (
    id       INTEGER PRIMARY KEY,
    name     TEXT NOT NULL,
    phone    TEXT,
    email    TEXT,
    address  TEXT NOT NULL DEFAULT ''
);

CREATE TABLE student_guardians (
    student_key  TEXT NOT NULL REFERENCES students (key) ON DELETE CASCADE,
    guardian_id  INTEGER NOT NULL REFERENCES guardians (id) ON DELETE CASCADE,
    relation     TEXT NOT NULL DEFAULT 'parent',
    is_primary   BOOLEAN NOT NULL DEFAULT 0,
    PRIMARY KEY (student_key, guardian_id)
) WITHOUT ROWID;

CREATE TABLE courses (
    id         INTEGER PRIMARY KEY,
    school_id  INTEGER NOT NULL REFERENCES schools (id),
    code       VARCHAR(16) NOT NULL,
    title      TEXT NOT NULL,
    credits    DECIMAL(3,1) NOT NULL DEFAULT 1.0,
    UNIQUE (school_id, code)
);

CREATE TABLE enrolments (
    student_key  TEXT NOT NULL REFERENCES students (key),
    course_id    INTEGER NOT NULL REFERENCES courses (id),
    term         CHAR(6) NOT NULL,                 -- 2024-1
    grade        TEXT,                             -- NULL: not yet; empty: excused
    enrolled_at  DATETIME NOT NULL,
    PRIMARY KEY (student_key, course_id, term)
);

CREATE TABLE assessments (
    id           INTEGER PRIMARY KEY,
    student_key  TEXT NOT NULL REFERENCES students (key),
    course_id    INTEGER NOT NULL REFERENCES courses (id),
    kind         TEXT NOT NULL,
    taken_at     TIMESTAMP NOT NULL,
    score        DECIMAL(6,2) CHECK (score >= 0),
    max_score    DECIMAL(6,2) NOT NULL DEFAULT 100,
    passed       BOOLEAN,
    weight       REAL NOT NULL DEFAULT 1,
    remark       TEXT
);

-- No key, and the terminal at the door sometimes sends a line twice.
CREATE TABLE attendance_log (
    student_key   TEXT,
    day           DATE NOT NULL,
    status        TEXT NOT NULL,
    minutes_late  INTEGER
);

CREATE TABLE notes (
    id           INTEGER PRIMARY KEY,
    student_key  TEXT NOT NULL REFERENCES students (key),
    author_id    INTEGER REFERENCES staff (id),
    created_at   TIMESTAMP NOT NULL,
    body         TEXT NOT NULL
);

-- Planned in 2011, never used.
CREATE TABLE transfers (
    id             INTEGER PRIMARY KEY,
    student_key    TEXT NOT NULL REFERENCES students (key),
    from_school    INTEGER NOT NULL REFERENCES schools (id),
    to_school      INTEGER NOT NULL REFERENCES schools (id),
    decided_on     DATE,
    CHECK (from_school <> to_school)
);

CREATE TABLE "Lunch Orders" (
    "order"           INTEGER PRIMARY KEY,
    "student key"     TEXT NOT NULL REFERENCES students (key),
    "weird ""name"""  TEXT,
    "select"          TEXT NOT NULL,
    "Größe"           TEXT,
    "semi;colon--"    INTEGER,
    "CamelCase"       TEXT,
    "o'clock"         TIME
);
