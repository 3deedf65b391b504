//! Names and phrases, of the kinds that have broken software before.

pub(super) const FIRST: [&str; 40] = [
    "Ada",
    "Noah",
    "Zoë",
    "José",
    "Mária",
    "Łukasz",
    "Søren",
    "Ingrid",
    "Ngọc",
    "Aylin",
    "Øystein",
    "Chloé",
    "Mehmet",
    "Fatıma",
    "Bjørk",
    "Ünal",
    "Renée",
    "Siobhán",
    "Anaïs",
    "Dvořák",
    "Иван",
    "Ольга",
    "Γιώργος",
    "Ελένη",
    "דוד",
    "מרים",
    "محمد",
    "فاطمة",
    "さくら",
    "蓮",
    "小明",
    "美玲",
    "민준",
    "서연",
    "प्रिया",
    "อนันต์",
    "Emma",
    "Liam",
    "Olivia",
    "Null",
];

pub(super) const LAST: [&str; 36] = [
    "O'Brien",
    "Müller",
    "García Márquez",
    "de la Cruz",
    "van der Berg",
    "Nguyễn",
    "Kowalski",
    "Smith-Jones",
    "Åkesson",
    "Þórsson",
    "Çelik",
    "İnönü",
    "D'Angelo",
    "Š́astný",
    "Петров",
    "Παπαδόπουλος",
    "כהן",
    "الأحمد",
    "田中",
    "王",
    "김",
    "शर्मा",
    "ไชยวัฒน์",
    "Test",
    "True",
    "Johnson",
    "Brown",
    "Lee",
    "Wagner",
    "Rossi",
    "Silva",
    "Dubois",
    "Novák",
    "Ø",
    "Ng",
    "X Æ",
];

pub(super) const PLACES: [&str; 16] = [
    "Ashford",
    "Birchwood",
    "Cedar Falls",
    "Dunmore",
    "Elm Grove",
    "Fairhaven",
    "Glenwood",
    "Harbour Point",
    "Ivybridge",
    "Juniper Hill",
    "Kingsbridge",
    "Lakeside",
    "Maple Ridge",
    "Northgate",
    "Oakfield",
    "São Martinho",
];

pub(super) const SUBJECTS: [&str; 14] = [
    "Algebra",
    "Biology",
    "Chemistry",
    "Dance",
    "English",
    "French",
    "Geography",
    "History",
    "Informatics",
    "Journalism",
    "Kunst & Gestaltung",
    "Literature",
    "Music",
    "Physics",
];

pub(super) const ASSESSMENTS: [&str; 5] = ["quiz", "test", "oral", "project", "final exam"];

pub(super) const REMARKS: [&str; 7] = [
    "",
    "late",
    "retake agreed",
    "see note",
    "100 % — bravo! 🎉",
    "tab\there, comma, \"quote\"",
    "back\\slash and \\N",
];

pub(super) const RELATIONS: [&str; 4] = ["parent", "grandparent", "guardian", "aunt/uncle"];

pub(super) const STATUSES: [&str; 4] = ["present", "absent", "late", "excused"];

pub(super) const GRADES: [&str; 7] = ["A", "A-", "B+", "B", "C", "D", ""];

pub(super) const DISHES: [&str; 6] =
    ["crème brûlée", "fish 'n' chips", "寿司", "mac & cheese", "🍕", "soup; bread"];

pub(super) const NOTES: [&str; 8] = [
    "Called home.\nNobody answered.\n\nWill try again on Monday.",
    "Line one\r\nline two, from the Windows machine in the office",
    "Parents' evening: mother asked for *more* homework 😀👩‍👩‍👧‍👦",
    "",
    " leading and trailing spaces ",
    "שלום, התלמיד דיבר יפה — מעורב with English",
    "e\u{301} is not é, and a\u{200b}b hides a space",
    "'; DROP TABLE students; --",
];
