//! SHOW HELP: a notice with the commands, and no rows.

use crate::console::command::Show;
use crate::console::table;
use kiwi::backend::errors::{ErrorReply, Severity};
use kiwi::sqlstate::SqlState;

pub(super) fn write(out: &mut Vec<u8>) {
    let names = Show::ALL.map(|(name, _)| name.to_ascii_uppercase()).join("|");
    let message = format!(
        "\nConsole usage\n\tSHOW {names}\n\tSHOW CONFIG DIFF\n\tKILL_CLIENT <client_id>\n\tRELOAD [DRY RUN]\n\tSET key=arg"
    );
    let code = SqlState::SUCCESSFUL_COMPLETION;
    ErrorReply { severity: Severity::Notice, code, message: &message, detail: None, hint: None }
        .write_notice(out);
    table::complete(out, "SHOW");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::decoded::{frames, summary};
    use kiwi::backend::errors::ErrorFields;

    #[test]
    fn a_notice_that_names_what_can_be_shown() {
        let mut out = Vec::new();
        write(&mut out);
        assert_eq!(summary(&out), ["N", "C SHOW"]);
        let notice = ErrorFields::parse_notice(frames(&out)[0]).unwrap();
        assert_eq!(
            (notice.severity(), notice.code()),
            (Some(Severity::Notice), Some(SqlState::SUCCESSFUL_COMPLETION))
        );
        let text = String::from_utf8_lossy(notice.message()).into_owned();
        assert!(text.starts_with("\nConsole usage\n\tSHOW CLIENTS|CONFIG|HELP|"), "{text}");
        for (name, _) in Show::ALL {
            assert!(text.contains(&name.to_ascii_uppercase()), "{name}");
        }
    }
}
