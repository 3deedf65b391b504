//! The rows of each table.

use rusqlite::{Result, Transaction, params};

use super::counts::Counts;
use super::random::Random;
use super::words;

/// One row in so many is a moment to tell how far it is.
const TELL_EVERY: u64 = 20_000;

struct Filler<'a> {
    to: &'a Transaction<'a>,
    random: Random,
    counts: Counts,
    progress: &'a mut dyn FnMut(&str, u64),
}

/// Fills every table.
pub(super) fn all(
    to: &Transaction<'_>,
    rows: u64,
    progress: &mut dyn FnMut(&str, u64),
) -> Result<()> {
    let random = Random::seeded(0x10_46_4a_01);
    let mut filler = Filler { to, random, counts: Counts::of(rows), progress };
    filler.districts()?;
    filler.schools()?;
    filler.staff()?;
    filler.students()?;
    filler.guardians()?;
    filler.student_guardians()?;
    filler.courses()?;
    filler.enrolments()?;
    filler.assessments()?;
    filler.attendance()?;
    filler.notes()?;
    filler.lunches()
}

/// A row id of SQLite, which counts from one.
fn id(index: u64) -> i64 {
    index.cast_signed() + 1
}

/// `S-2019-004711`; sorted like the students.
fn key(counts: &Counts, student: u64) -> String {
    let year = 2008 + student * 17 / counts.students;
    format!("S-{year}-{student:06}")
}

/// Two digits behind the point, as a decimal column of SQLite stores it.
fn hundredths(number: i64) -> f64 {
    number as f64 / 100.0
}

impl Filler<'_> {
    fn tell(&mut self, table: &str, done: u64, of: u64) {
        if done.is_multiple_of(TELL_EVERY) || done == of {
            (self.progress)(table, done);
        }
    }

    fn person(&mut self) -> (&'static str, &'static str) {
        (self.random.pick(&words::FIRST), self.random.pick(&words::LAST))
    }

    fn student(&mut self) -> u64 {
        self.random.below(self.counts.students)
    }

    fn districts(&mut self) -> Result<()> {
        let mut insert = self.to.prepare("INSERT INTO districts VALUES (?, ?, ?, ?, ?, ?)")?;
        for n in 0..self.counts.districts {
            let name = format!("{} District {}", words::PLACES[(n % 16) as usize], n + 1);
            let region = self.random.pick(&["north", "south", "east", "west"]);
            let area = hundredths(self.random.small(500_000) + 1);
            let founded = self.random.date(1975, 20);
            let website = match n % 3 {
                0 => Some(format!("https://district{}.example/?lang=en&q=ä", n + 1)),
                1 => Some(String::new()),
                _ => None,
            };
            insert.execute(params![id(n), name, region, area, founded, website])?;
            self.tell("districts", n + 1, self.counts.districts);
        }
        Ok(())
    }

    fn schools(&mut self) -> Result<()> {
        let mut insert =
            self.to.prepare("INSERT INTO schools VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")?;
        for n in 0..self.counts.schools {
            let district = id(n % self.counts.districts);
            let kind = ["primary", "middle", "high"][(n % 3) as usize];
            let place = words::PLACES[(n * 7 % 16) as usize];
            let capacity = self.random.small(1500) + 100;
            // The first member of staff of each school leads it; some chairs are empty.
            let principal = (n % 10 != 9).then(|| id(n));
            let latitude = self.random.small(1_800_000) as f64 / 10_000.0 - 90.0;
            let longitude = self.random.small(3_600_000) as f64 / 10_000.0 - 180.0;
            insert.execute(params![
                id(n),
                district,
                format!("SCH-{:04}", n + 1),
                format!("{place} {kind} school"),
                kind,
                self.random.mostly(12, capacity),
                self.random.date(1975, 45),
                principal,
                n % 17 != 16,
                latitude,
                self.random.mostly(15, longitude),
            ])?;
            self.tell("schools", n + 1, self.counts.schools);
        }
        Ok(())
    }

    fn staff(&mut self) -> Result<()> {
        let mut insert =
            self.to.prepare("INSERT INTO staff VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")?;
        for n in 0..self.counts.staff {
            let (first, last) = self.person();
            // A tree in each school, up to its principal; number one manages herself.
            let manager = match n {
                0 => Some(id(0)),
                n if n < self.counts.schools => None,
                n => Some(id(n - self.counts.schools)),
            };
            let salary = hundredths(self.random.small(9_000_000) + 1_500_000);
            insert.execute(params![
                id(n),
                id(self.counts.school_of(n)),
                manager,
                format!("staff{}@schools.example", n + 1),
                first,
                last,
                self.random.date(1990, 34),
                self.random.mostly(25, salary),
                self.random.once_in(6),
                self.random.moment(2023, 2),
            ])?;
            self.tell("staff", n + 1, self.counts.staff);
        }
        Ok(())
    }

    fn students(&mut self) -> Result<()> {
        let mut insert =
            self.to.prepare("INSERT INTO students VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")?;
        for n in 0..self.counts.students {
            let (first, last) = self.person();
            let key = key(&self.counts, n);
            let year: i64 = 2008 + (n * 17 / self.counts.students).cast_signed();
            let middle = self.random.pick(&words::FIRST);
            let preferred = if self.random.once_in(4) { first } else { "" };
            let distance = self.random.small(300_000) as f64 / 7000.0;
            let left = self.random.date(year + 1, 2);
            let photo = if self.random.once_in(12) { Some(self.photo()) } else { None };
            insert.execute(params![
                key,
                id(self.counts.school_of(n)),
                first,
                if self.random.once_in(3) { Some(middle) } else { None },
                last,
                preferred,
                self.random.date(year - 12, 6),
                self.random.date(year, 1),
                if self.random.once_in(5) { Some(left) } else { None },
                self.random.mostly(8, distance),
                photo,
            ])?;
            self.tell("students", n + 1, self.counts.students);
        }
        Ok(())
    }

    /// What looks like a small JPEG file, with every byte there is.
    fn photo(&mut self) -> Vec<u8> {
        let mut bytes = vec![0xff, 0xd8, 0xff, 0xe0];
        for _ in 0..20 + self.random.below(150) {
            bytes.extend(self.random.next().to_le_bytes());
        }
        bytes
    }

    fn guardians(&mut self) -> Result<()> {
        let mut insert = self.to.prepare("INSERT INTO guardians VALUES (?, ?, ?, ?, ?)")?;
        for n in 0..self.counts.guardians {
            let (first, last) = self.person();
            let phone = format!("+1 555 {:07}", self.random.below(10_000_000));
            let place = self.random.pick(&words::PLACES);
            let address = match n % 4 {
                0 => String::new(),
                _ => format!("{} High Street\n{:05} {place}", 1 + n % 200, n % 100_000),
            };
            let email = format!("guardian{}@mail.example", n + 1);
            insert.execute(params![
                id(n),
                format!("{first} {last}"),
                self.random.mostly(5, phone),
                self.random.mostly(3, email),
                address,
            ])?;
            self.tell("guardians", n + 1, self.counts.guardians);
        }
        Ok(())
    }

    fn student_guardians(&mut self) -> Result<()> {
        let mut insert = self.to.prepare("INSERT INTO student_guardians VALUES (?, ?, ?, ?)")?;
        let mut done = 0;
        for student in 0..self.counts.students {
            let first = self.random.below(self.counts.guardians);
            let upto = (student + 1) * self.counts.links / self.counts.students;
            for nth in 0..upto - done {
                let guardian = id((first + nth) % self.counts.guardians);
                let relation = self.random.pick(&words::RELATIONS);
                insert.execute(params![
                    key(&self.counts, student),
                    guardian,
                    relation,
                    nth == 0
                ])?;
                self.tell("student_guardians", done + nth + 1, self.counts.links);
            }
            done = upto;
        }
        Ok(())
    }

    fn courses(&mut self) -> Result<()> {
        let mut insert = self.to.prepare("INSERT INTO courses VALUES (?, ?, ?, ?, ?)")?;
        let each = self.counts.courses_each();
        for n in 0..self.counts.courses {
            let (school, nth) = (n / each, n % each);
            let subject = words::SUBJECTS[((school + nth) % 14) as usize];
            let code = format!("{}{}", &subject[..3], 100 + nth);
            let credits = (self.random.small(8) + 1) as f64 / 2.0;
            let title = format!("{subject} {}", nth + 1);
            insert.execute(params![id(n), id(school), code, title, credits])?;
            self.tell("courses", n + 1, self.counts.courses);
        }
        Ok(())
    }

    fn enrolments(&mut self) -> Result<()> {
        let mut insert = self.to.prepare("INSERT INTO enrolments VALUES (?, ?, ?, ?, ?)")?;
        let each = self.counts.courses_each();
        let mut done = 0;
        for student in 0..self.counts.students {
            let school = self.counts.school_of(student);
            let upto = (student + 1) * self.counts.enrolments / self.counts.students;
            for nth in 0..upto - done {
                let course = id(school * each + nth % each);
                let (year, half) = (2021 + nth / each / 2, 1 + nth / each % 2);
                let grade = self.random.pick(&words::GRADES);
                insert.execute(params![
                    key(&self.counts, student),
                    course,
                    format!("{year}-{half}"),
                    self.random.mostly(4, grade),
                    self.random.moment(year.cast_signed(), 1),
                ])?;
                self.tell("enrolments", done + nth + 1, self.counts.enrolments);
            }
            done = upto;
        }
        Ok(())
    }

    fn assessments(&mut self) -> Result<()> {
        let mut insert =
            self.to.prepare("INSERT INTO assessments VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")?;
        let each = self.counts.courses_each();
        for n in 0..self.counts.assessments {
            let student = self.student();
            let course = self.counts.school_of(student) * each + self.random.below(each);
            let score = self.random.small(10_001);
            let given = self.random.mostly(30, score);
            let remark = self.random.pick(&words::REMARKS);
            insert.execute(params![
                id(n),
                key(&self.counts, student),
                id(course),
                self.random.pick(&words::ASSESSMENTS),
                self.random.moment(2021, 4),
                given.map(hundredths),
                100,
                given.map(|score| score >= 5000),
                [1.0, 0.5, 0.1, 1.0 / 3.0][self.random.below(4) as usize],
                if self.random.once_in(9) { Some(remark) } else { None },
            ])?;
            self.tell("assessments", n + 1, self.counts.assessments);
        }
        Ok(())
    }

    fn attendance(&mut self) -> Result<()> {
        let mut insert = self.to.prepare("INSERT INTO attendance_log VALUES (?, ?, ?, ?)")?;
        let mut n = 0;
        while n < self.counts.attendance {
            let student = self.student();
            // A visitor has no key.
            let student = self.random.mostly(200, key(&self.counts, student));
            let day = self.random.date(2024, 1);
            let status = self.random.pick(&words::STATUSES);
            let late = (status == "late").then(|| self.random.small(90));
            let times = if self.random.once_in(40) { 2 } else { 1 };
            for _ in 0..times.min(self.counts.attendance - n) {
                insert.execute(params![student, day, status, late])?;
                n += 1;
                self.tell("attendance_log", n, self.counts.attendance);
            }
        }
        Ok(())
    }

    fn notes(&mut self) -> Result<()> {
        let mut insert = self.to.prepare("INSERT INTO notes VALUES (?, ?, ?, ?, ?)")?;
        for n in 0..self.counts.notes {
            let student = self.student();
            let author = id(self.random.below(self.counts.staff));
            let micros = self.random.below(1_000_000);
            let text = self.random.pick(&words::NOTES);
            let body = match n {
                3 => long_text(1 << 20),
                n if n % 500 == 7 => long_text(64 << 10),
                n if n % 5 == 0 => format!("{text}\n\n— {}", self.random.pick(&words::FIRST)),
                _ => text.to_owned(),
            };
            insert.execute(params![
                id(n),
                key(&self.counts, student),
                self.random.mostly(10, author),
                format!("{}.{micros:06}", self.random.moment(2022, 3)),
                body,
            ])?;
            self.tell("notes", n + 1, self.counts.notes);
        }
        Ok(())
    }

    fn lunches(&mut self) -> Result<()> {
        let mut insert =
            self.to.prepare("INSERT INTO \"Lunch Orders\" VALUES (?, ?, ?, ?, ?, ?, ?, ?)")?;
        for n in 0..self.counts.lunches {
            let student = self.student();
            let size = self.random.pick(&["klein", "groß", ""]);
            let extra = self.random.small(1000) - 500;
            let weird = self.random.pick(&words::REMARKS);
            insert.execute(params![
                id(n),
                key(&self.counts, student),
                self.random.mostly(2, weird),
                self.random.pick(&words::DISHES),
                self.random.mostly(4, size),
                self.random.mostly(6, extra),
                ["camelCase", "CamelCase", "CAMELCASE"][(n % 3) as usize],
                format!("{:02}:{:02}:00", 11 + n % 3, n % 60),
            ])?;
            self.tell("Lunch Orders", n + 1, self.counts.lunches);
        }
        Ok(())
    }
}

/// A text of about so many bytes, with line breaks and characters of every width.
fn long_text(bytes: usize) -> String {
    let line = "The quick brown fox — schnell und äußerst flink — 跳过懒狗 🦊.\n";
    line.repeat(bytes / line.len() + 1)
}
