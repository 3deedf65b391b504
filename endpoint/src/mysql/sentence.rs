//! The server's own sentence, where it can hold no value of a row.

/// Numbers whose message holds names, types and limits, and no value: about logins, connections, missing
/// objects, rights and definitions. Not 1064, which quotes the statement, and not those about values.
const WITHOUT_VALUES: &[u16] = &[
    1005, 1040, 1044, 1045, 1046, 1049, 1050, 1051, 1054, 1059, 1060, 1061, 1067, 1068, 1069, 1070,
    1071, 1072, 1074, 1075, 1091, 1101, 1109, 1113, 1115, 1117, 1130, 1142, 1143, 1146, 1148, 1166,
    1170, 1203, 1215, 1226, 1227, 1253, 1273, 1280, 1286, 1290, 1370, 1410, 1419, 1524, 1698, 1792,
    1822, 1824, 1826, 1830, 1836, 1903, 2059, 3100, 3118, 3780, 3822, 3948, 4166,
];

/// The sentence, on one line.
pub(super) fn sentence(number: u16, message: &str) -> Option<String> {
    let plain = WITHOUT_VALUES.contains(&number);
    plain.then(|| message.lines().next().unwrap_or_default().to_owned())
}
