-- Something to move: about two million rows.
CREATE TABLE schools (school_id int PRIMARY KEY, name text NOT NULL);
CREATE TABLE students (
    student_id int PRIMARY KEY,
    school_id int NOT NULL REFERENCES schools,
    name text NOT NULL,
    born_on date NOT NULL
);
CREATE TABLE results (
    result_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    student_id int NOT NULL REFERENCES students,
    points numeric(5, 2),
    remark text
);
CREATE INDEX ON results (student_id);
INSERT INTO schools SELECT n, 'school ' || n FROM generate_series(1, 200) AS n;
INSERT INTO students
    SELECT n, n % 200 + 1, 'student ' || n, date '2005-01-01' + n % 4000
    FROM generate_series(1, 200000) AS n;
INSERT INTO results (student_id, points, remark)
    SELECT n % 200000 + 1, n % 10000 / 100.0, repeat('remark ', n % 8)
    FROM generate_series(1, 1800000) AS n;
