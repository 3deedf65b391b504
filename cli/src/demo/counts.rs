//! How many rows each table gets.

/// Rows of each table.
#[derive(Debug, Clone, Copy)]
pub(super) struct Counts {
    pub(super) districts: u64,
    pub(super) schools: u64,
    pub(super) staff: u64,
    pub(super) students: u64,
    pub(super) guardians: u64,
    pub(super) links: u64,
    pub(super) courses: u64,
    pub(super) enrolments: u64,
    pub(super) assessments: u64,
    pub(super) attendance: u64,
    pub(super) notes: u64,
    pub(super) lunches: u64,
}

impl Counts {
    /// Shares of the whole; what is left goes to the assessments, the largest table.
    pub(super) fn of(rows: u64) -> Self {
        let share = |per_mille: u64, least: u64| (rows.saturating_mul(per_mille) / 1000).max(least);
        let schools = (rows / 10_000).clamp(3, 400);
        let students = share(40, 10);
        let guardians = share(40, 8);
        let mut counts = Self {
            districts: (schools / 8).max(2),
            schools,
            staff: share(4, 6).max(schools * 2),
            students,
            guardians,
            links: share(50, 10).min(students.saturating_mul(guardians)),
            courses: schools * 10,
            enrolments: share(120, 20).min(students * 10 * TERMS),
            assessments: 0,
            attendance: share(150, 20),
            notes: share(20, 10),
            lunches: share(10, 6),
        };
        counts.assessments = rows.saturating_sub(counts.without_assessments()).max(20);
        counts
    }

    fn without_assessments(&self) -> u64 {
        self.districts
            + self.schools
            + self.staff
            + self.students
            + self.guardians
            + self.links
            + self.courses
            + self.enrolments
            + self.attendance
            + self.notes
            + self.lunches
    }

    /// The school of a student or a member of staff, all counted from zero.
    pub(super) fn school_of(&self, person: u64) -> u64 {
        person % self.schools
    }

    /// Courses per school; those of school 0 come first.
    pub(super) fn courses_each(&self) -> u64 {
        self.courses / self.schools
    }
}

/// Terms that there are enrolments for.
const TERMS: u64 = 8;
