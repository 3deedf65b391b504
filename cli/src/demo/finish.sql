CREATE UNIQUE INDEX staff_email ON staff (email);
CREATE INDEX staff_by_school ON staff (school_id, last_name);
CREATE INDEX students_present ON students (school_id) WHERE withdrawn_on IS NULL;
CREATE INDEX enrolments_by_course ON enrolments (course_id);
CREATE INDEX assessments_by_student ON assessments (student_key, taken_at DESC);
CREATE INDEX assessments_with_remark ON assessments (course_id) WHERE remark IS NOT NULL;
CREATE INDEX attendance_by_day ON attendance_log (day);
CREATE UNIQUE INDEX "one lunch, please" ON "Lunch Orders" ("student key", "order");

CREATE VIEW student_overview AS
    SELECT s.key, s.first_name || ' ' || s.last_name AS name, c.name AS school,
           (SELECT count(*) FROM enrolments e WHERE e.student_key = s.key) AS courses
    FROM students s JOIN schools c ON c.id = s.school_id;
