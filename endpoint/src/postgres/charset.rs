//! Which characters the encoding of the database has.

use protocol::fault::{Code, Fault};

use super::connect::{Door, Duty};
use crate::Lacking;

/// Encodings that take any text in UTF-8.
const TAKE_ALL: [&str; 2] = ["UTF8", "SQL_ASCII"];

/// An encoding in which two characters may be one: it has か and ゚ (U+304B, U+309A), and only together.
/// What is tried one by one here would count as lacking then, so the server alone decides. It refuses
/// what it lacks, and changes nothing. (`SHIFT_JIS_2004` is the same, but no database is in it.)
const JOINS_SOME: &str = "EUC_JIS_2004";

/// Encodings that have some characters beyond the basic plane. Which of those is left to the server: none
/// that it has may be refused here.
const HAVE_SOME_BEYOND: [&str; 2] = ["EUC_TW", "MULE_INTERNAL"];

/// Converts each character of the basic plane there and back, as the server converts what is written,
/// and leaves the ranges of those that it keeps in a setting of the session. One that it lacks is an
/// error there, so each is tried alone; a block in the server does that in a second or two, and
/// writes nothing. Another setting says whether one came back as another, as U+00A6 does from `EUC_JP`.
/// NUL is in no text and of no interest here.
const ASK: &str = "
DO $$
DECLARE
  encoding name := getdatabaseencoding();
  spelled bytea;
  kept boolean;
  changes boolean := false;
  since int;
  ranges text[] := '{}';
BEGIN
  FOR code IN 0..65536 LOOP
    kept := code = 0;
    IF code NOT IN (0, 65536) AND code NOT BETWEEN 55296 AND 57343 THEN
      BEGIN
        spelled := decode(CASE
          WHEN code < 128 THEN lpad(to_hex(code), 2, '0')
          WHEN code < 2048 THEN to_hex(49280 + code / 64 * 256 + code % 64)
          ELSE to_hex(14712960 + code / 4096 * 65536 + code / 64 % 64 * 256 + code % 64)
        END, 'hex');
        kept := convert(convert(spelled, 'UTF8', encoding), encoding, 'UTF8') = spelled;
        changes := changes OR NOT kept;
      EXCEPTION WHEN untranslatable_character OR character_not_in_repertoire THEN
        kept := false;
      END;
    END IF;
    IF kept THEN
      since := coalesce(since, code);
    ELSIF since IS NOT NULL THEN
      ranges := ranges || (to_hex(since) || '-' || to_hex(code - 1));
      since := NULL;
    END IF;
  END LOOP;
  PERFORM set_config('longhaul.characters', array_to_string(ranges, ' '), false),
    set_config('longhaul.changes', changes::text, false);
END $$";

const ANSWER: &str =
    "SELECT current_setting('longhaul.characters'), current_setting('longhaul.changes') = 'true'";

/// What the encoding has; none where that is everything, or cannot be said character by character.
pub(super) async fn repertoire(door: &Door) -> Result<Option<Lacking>, Fault> {
    let link = door.open("longhaul:charset", Duty::Read).await?;
    let encoding = link.client.query_one("SELECT getdatabaseencoding()::text", &[]).await;
    let encoding: String = encoding.map_err(|error| link.fault(&error))?.get(0);
    if TAKE_ALL.contains(&&*encoding) || encoding == JOINS_SOME {
        return Ok(None);
    }
    link.client.batch_execute(ASK).await.map_err(|error| link.fault(&error))?;
    let answer = link.client.query_one(ANSWER, &[]).await.map_err(|error| link.fault(&error))?;
    let (mut kept, changes): (String, bool) = (answer.get(0), answer.get(1));
    if HAVE_SOME_BEYOND.contains(&&*encoding) {
        kept += " 10000-10ffff";
    }
    let has = kept.try_into().map_err(|_| {
        Fault::new(Code::Unknown, link.place()).saying("its answer about its encoding")
    })?;
    Ok(Some(Lacking { has, changes }))
}
