//! Recorded messages and their meaning: `vectors/*.txt`. What parses is also written back, byte for byte.

mod common;

use common::unhex;
use kiwi::backend::auth::{Authentication, NegotiateProtocolVersion};
use kiwi::backend::command;
use kiwi::backend::errors::ErrorFields;
use kiwi::backend::notify::NotificationResponse;
use kiwi::backend::rows::{
    CopyResponse, DataRow, FunctionCallResponse, ParameterDescription, RowDescription,
};
use kiwi::backend::status::{BackendKeyData, ParameterStatus, ReadyForQuery};
use kiwi::error::DecodeError;
use kiwi::frame;
use kiwi::frontend::copy::{CopyData, CopyDone, CopyFail};
use kiwi::frontend::extended::{Bind, Close, Describe, Execute, Flush, Parse, Sync, Target};
use kiwi::frontend::simple::{FunctionCall, Query, Terminate};
use kiwi::startup::{Opening, write_cancel_request, write_gssenc_request, write_ssl_request};
use kiwi::tag::{Backend, Frontend};

/// The vectors of a file: name, bytes, meaning.
fn vectors(text: &str) -> Vec<(&str, Vec<u8>, &str)> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let fields = lines.map(|line| line.split('|').collect::<Vec<_>>());
    fields.map(|fields| (fields[0].trim(), unhex(fields[1]), fields[2].strip_prefix(' ').unwrap())).collect()
}

fn check(text: &str, read: impl Fn(&[u8], &mut Vec<u8>) -> Result<String, DecodeError>) {
    let vectors = vectors(text);
    assert!(vectors.len() > 10, "the file was read");
    for (name, bytes, meaning) in vectors {
        let mut written = Vec::new();
        match read(&bytes, &mut written) {
            Ok(found) => {
                assert_eq!(found, meaning, "{name}");
                assert_eq!(written, bytes, "{name} is written as it was read");
            }
            Err(error) => assert_eq!(format!("error {error:?}"), meaning, "{name}"),
        }
    }
}

fn show(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string()
}

fn list<T: ToString>(items: impl Iterator<Item = T>) -> String {
    format!("[{}]", items.map(|item| item.to_string()).collect::<Vec<_>>().join(", "))
}

fn value(value: Option<&[u8]>) -> String {
    value.map_or("null".to_owned(), show)
}

fn target(target: Target<'_>) -> String {
    match target {
        Target::Statement(name) => format!("statement {}", show(name)),
        Target::Portal(name) => format!("portal {}", show(name)),
    }
}

/// Parses as a type, writes it back, and tells its meaning.
macro_rules! read {
    ($frame:expr, $out:expr, $message:ident: $($ty:ident)::+ => $meaning:expr) => {{
        let $message = $($ty)::+::parse($frame)?;
        $message.write($out);
        $meaning
    }};
}

#[test]
fn frontend_messages() {
    check(include_str!("vectors/frontend.txt"), |frame, out| {
        Ok(match Frontend::from_byte(frame[0]).unwrap() {
            Frontend::Query => read!(frame, out, m: Query => format!("sql={}", show(m.sql))),
            Frontend::Parse => read!(frame, out, m: Parse => {
                format!("statement={} sql={} types={}", show(m.statement), show(m.sql), list(m.types.iter()))
            }),
            Frontend::Bind => read!(frame, out, m: Bind => format!(
                "portal={} statement={} formats={} values={} results={}",
                show(m.portal),
                show(m.statement),
                list(m.formats.iter()),
                list(m.values.iter().map(value)),
                list(m.result_formats.iter())
            )),
            Frontend::Describe => read!(frame, out, m: Describe => target(m.target)),
            Frontend::Close => read!(frame, out, m: Close => target(m.target)),
            Frontend::Execute => {
                read!(frame, out, m: Execute => format!("portal={} rows={}", show(m.portal), m.rows_max))
            }
            Frontend::CopyData => read!(frame, out, m: CopyData => format!("data={}", show(m.data))),
            Frontend::CopyFail => read!(frame, out, m: CopyFail => format!("reason={}", show(m.reason))),
            Frontend::CopyDone => read!(frame, out, m: CopyDone => "done".to_owned()),
            Frontend::Sync => read!(frame, out, m: Sync => "sync".to_owned()),
            Frontend::Flush => read!(frame, out, m: Flush => "flush".to_owned()),
            Frontend::Terminate => read!(frame, out, m: Terminate => "terminate".to_owned()),
            Frontend::FunctionCall => read!(frame, out, m: FunctionCall => format!(
                "function={} formats={} values={} result={}",
                m.function,
                list(m.formats.iter()),
                list(m.arguments.iter().map(value)),
                m.result_format
            )),
            Frontend::Password => unreachable!("no vector has it"),
        })
    });
}

fn fields(m: &ErrorFields<'_>) -> String {
    let code = m.code().map_or(String::new(), |code| format!(" {code}"));
    format!("{}{code} {}", m.severity().unwrap(), show(m.message()))
}

#[test]
fn backend_messages() {
    check(include_str!("vectors/backend.txt"), |frame, out| {
        Ok(match Backend::from_byte(frame[0]).unwrap() {
            Backend::Authentication => read!(frame, out, m: Authentication => match m {
                Authentication::Sasl(mechanisms) => {
                    format!("Sasl {}", mechanisms.iter().map(show).collect::<Vec<_>>().join(" "))
                }
                other => format!("{other:?}"),
            }),
            Backend::BackendKeyData => read!(frame, out, m: BackendKeyData => {
                format!("pid={} secret of {}", m.key.pid, m.key.secret.as_bytes().len())
            }),
            Backend::ParameterStatus => {
                read!(frame, out, m: ParameterStatus => format!("{}={}", show(m.name), show(m.value)))
            }
            Backend::ReadyForQuery => read!(frame, out, m: ReadyForQuery => format!("{:?}", m.status)),
            Backend::RowDescription => read!(frame, out, m: RowDescription => {
                let columns = m.iter().map(|field| format!("{}:{}", show(field.name), field.type_id));
                columns.collect::<Vec<_>>().join(" ")
            }),
            Backend::DataRow => read!(frame, out, m: DataRow => list(m.values.iter().map(value))),
            Backend::CommandComplete => read!(frame, out, m: command::CommandComplete => show(m.tag)),
            Backend::ErrorResponse => read!(frame, out, m: ErrorFields => fields(&m)),
            Backend::NoticeResponse => {
                let m = ErrorFields::parse_notice(frame)?;
                m.write_notice(out);
                fields(&m)
            }
            Backend::NotificationResponse => read!(frame, out, m: NotificationResponse => {
                format!("{} {} {}", m.pid, show(m.channel), show(m.payload))
            }),
            Backend::ParameterDescription => {
                read!(frame, out, m: ParameterDescription => list(m.types.iter()))
            }
            Backend::CopyInResponse | Backend::CopyOutResponse | Backend::CopyBothResponse => {
                read!(frame, out, m: CopyResponse => {
                    format!("{} {} {}", m.tag.name(), m.format, list(m.columns.iter()))
                })
            }
            Backend::FunctionCallResponse => read!(frame, out, m: FunctionCallResponse => value(m.value)),
            Backend::NegotiateProtocolVersion => read!(frame, out, m: NegotiateProtocolVersion => {
                format!("{} {}", m.newest, list(m.options.iter().map(|option| show(option))))
            }),
            Backend::ParseComplete => read!(frame, out, m: command::ParseComplete => format!("{m:?}")),
            Backend::BindComplete => read!(frame, out, m: command::BindComplete => format!("{m:?}")),
            Backend::CloseComplete => read!(frame, out, m: command::CloseComplete => format!("{m:?}")),
            Backend::NoData => read!(frame, out, m: command::NoData => format!("{m:?}")),
            Backend::PortalSuspended => read!(frame, out, m: command::PortalSuspended => format!("{m:?}")),
            Backend::EmptyQueryResponse => {
                read!(frame, out, m: command::EmptyQueryResponse => format!("{m:?}"))
            }
            Backend::CopyData | Backend::CopyDone => unreachable!("the frontend's vectors have them"),
        })
    });
}

#[test]
fn first_packets() {
    check(include_str!("vectors/opening.txt"), |packet, out| {
        assert!(frame::opening(packet)?.is_some());
        Ok(match Opening::parse(packet)? {
            Opening::Ssl => {
                write_ssl_request(out);
                "ssl".to_owned()
            }
            Opening::Gss => {
                write_gssenc_request(out);
                "gss".to_owned()
            }
            Opening::Cancel(key) => {
                write_cancel_request(out, &key);
                format!("cancel pid={} secret of {}", key.pid, key.secret.as_bytes().len())
            }
            Opening::Startup(m) if m.version.major != 3 => {
                // What follows another major version is not kept, so it is not written back either.
                out.extend_from_slice(packet);
                format!("{} user= database=", m.version)
            }
            Opening::Startup(m) => {
                m.write(out);
                format!("{} user={} database={}", m.version, show(m.user()), show(m.database()))
            }
        })
    });
}
