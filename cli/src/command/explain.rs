//! `longhaul explain`: more about a fault's code.

use protocol::fault::{Code, Fault};

use crate::args::{Explain, Global, Output};
use crate::exit::{self, Answer};
use crate::render;

/// Tells about one code, or lists all.
pub(crate) fn explain(global: &Global, args: &Explain) -> Answer {
    let codes: Vec<Code> = match &args.code {
        None => Code::ALL.to_vec(),
        Some(text) => vec![text.parse().map_err(|_| unknown(text))?],
    };
    let text = match (global.output, args.code.is_some()) {
        (Output::Json, _) => {
            render::answer_json(
                &codes.iter().map(|code| render::code_json(*code)).collect::<Vec<_>>(),
            );
            return Ok(exit::OK);
        }
        (Output::Text, true) => render::code_page(codes[0]),
        (Output::Text, false) => {
            let line = |code: &Code| format!("{:<20} {}", code.slug(), code.title());
            codes.iter().map(line).collect::<Vec<_>>().join("\n")
        }
    };
    render::answer(&text);
    Ok(exit::OK)
}

fn unknown(text: &str) -> Fault {
    let near = Code::ALL.iter().max_by(|a, b| {
        let score = |code: &Code| strsim::jaro_winkler(code.slug(), text);
        score(a).total_cmp(&score(b))
    });
    let near = near.expect("there are codes").slug();
    Fault::new(Code::Usage, text)
        .saying(format!("no fault has this code; did you mean `{near}`?"))
        .next("List them with `longhaul explain`.")
}
