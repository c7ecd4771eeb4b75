//! Entry points for fuzzers: arbitrary bytes in, nothing out, and never a panic. A test feeds them seeded
//! mutations on every run.

use crate::backend::auth::{Authentication, NegotiateProtocolVersion};
use crate::backend::command::CommandComplete;
use crate::backend::errors::ErrorFields;
use crate::backend::notify::NotificationResponse;
use crate::backend::rows::{
    CopyResponse, DataRow, FunctionCallResponse, ParameterDescription, RowDescription,
};
use crate::backend::status::{BackendKeyData, ParameterStatus, ReadyForQuery};
use crate::flow::Flow;
use crate::frame::{self, Frames, HEADER_LEN, Limits};
use crate::frontend::auth::{PasswordMessage, SaslInitialResponse, SaslResponse};
use crate::frontend::copy::{CopyData, CopyFail};
use crate::frontend::extended::{Bind, Close, Describe, Execute, Parse};
use crate::frontend::simple::{FunctionCall, Query};
use crate::params::{Params, parse_options};
use crate::quote;
use crate::scram::client::ScramClient;
use crate::scram::server::ScramServer;
use crate::scram::verifier::Verifier;
use crate::startup::{Opening, StartupMessage};
use crate::tag::{Backend, Frontend};

/// A client's first packet, and what is done with what it says.
pub fn fuzz_opening(data: &[u8]) {
    let Ok(Some(len)) = frame::opening(data) else { return };
    let Some(packet) = data.get(..len) else { return };
    match Opening::parse(packet) {
        Ok(Opening::Startup(message)) => use_startup(&message),
        Ok(Opening::Cancel(key)) => assert!(key.secret == key.secret.clone(), "a key equals itself"),
        Ok(Opening::Ssl | Opening::Gss) | Err(_) => {}
    }
}

fn use_startup(message: &StartupMessage) {
    let mut params: Params = message.settings().collect();
    if let Some(options) = message.options() {
        parse_options(options, |name, value| params.set(name, value));
    }
    let _ =
        (message.database(), message.replication(), message.unknown_options().count(), params.fingerprint());
    for (name, value) in params.iter() {
        let _ = (quote::parameter_name(name), quote::literal(value), quote::list(value));
    }
    let mut out = Vec::new();
    message.write(&mut out);
    assert_eq!(
        Opening::parse(&out),
        Ok(Opening::Startup(message.clone())),
        "a message survives its own writing"
    );
}

/// What a logged-in client sends: frames, every message's parser, the SCRAM exchange, and the flow's books.
pub fn fuzz_frontend(data: &[u8]) {
    let mut flow = Flow::new();
    let verifier = Verifier::mock(&[0; 32], b"");
    for item in Frames::new(data, Limits::frontend()) {
        let Ok((header, frame)) = item else { return };
        let Some(tag) = Frontend::from_byte(header.tag) else { continue };
        flow.sent(tag);
        match tag {
            Frontend::Query => consume(Query::parse(frame)),
            Frontend::Parse => {
                consume((Parse::parse(frame).map(|m| m.types.iter().count()), Parse::identity(frame)))
            }
            Frontend::Bind => {
                consume(Bind::parse(frame).map(|m| (m.values.iter().count(), m.formats.iter().count())));
                consume(Bind::rename(frame, b"s", &mut Vec::new()));
            }
            Frontend::Describe => consume(Describe::parse(frame)),
            Frontend::Execute => consume(Execute::parse(frame)),
            Frontend::Close => consume(Close::parse(frame)),
            Frontend::CopyData => consume(CopyData::parse(frame)),
            Frontend::CopyFail => consume(CopyFail::parse(frame)),
            Frontend::FunctionCall => consume(FunctionCall::parse(frame)),
            Frontend::Password => {
                consume(PasswordMessage::parse(frame));
                consume(SaslInitialResponse::parse(frame));
                let Ok(message) = SaslResponse::parse(frame) else { continue };
                consume(ScramServer::start(message.data, &verifier));
                if let Ok((server, _)) = ScramServer::start(b"n,,n=,r=a", &verifier) {
                    consume(server.finish(message.data, &verifier));
                }
            }
            Frontend::Flush | Frontend::Sync | Frontend::CopyDone | Frontend::Terminate => {}
        }
    }
}

/// What a server sends: frames, every message's parser, the SCRAM exchange, and the flow's books.
pub fn fuzz_backend(data: &[u8]) {
    let mut flow = Flow::new();
    flow.sent(Frontend::Query);
    for item in Frames::new(data, Limits::backend()) {
        let Ok((header, frame)) = item else { return };
        let Some(tag) = Backend::from_byte(header.tag) else { continue };
        consume(flow.received(tag, frame.get(HEADER_LEN..).unwrap_or_default()));
        use_backend(tag, frame);
    }
}

fn use_backend(tag: Backend, frame: &[u8]) {
    match tag {
        Backend::Authentication => match Authentication::parse(frame) {
            Ok(Authentication::Sasl(mechanisms)) => consume(mechanisms.iter().count()),
            Ok(Authentication::SaslContinue(data)) => {
                consume(ScramClient::with_nonce("a".to_owned()).challenge(data));
            }
            Ok(_) | Err(_) => {}
        },
        Backend::BackendKeyData => consume(BackendKeyData::parse(frame)),
        Backend::CommandComplete => consume(CommandComplete::parse(frame).map(|m| (m.command(), m.rows()))),
        Backend::CopyInResponse | Backend::CopyOutResponse | Backend::CopyBothResponse => {
            consume(CopyResponse::parse(frame).map(|m| m.columns.iter().count()));
        }
        Backend::DataRow => consume(DataRow::parse(frame).map(|m| m.values.iter().count())),
        Backend::ErrorResponse => {
            consume(ErrorFields::parse(frame).map(|m| (m.severity(), m.code(), m.iter().count())))
        }
        Backend::NoticeResponse => consume(ErrorFields::parse_notice(frame)),
        Backend::FunctionCallResponse => consume(FunctionCallResponse::parse(frame)),
        Backend::NegotiateProtocolVersion => consume(NegotiateProtocolVersion::parse(frame)),
        Backend::NotificationResponse => consume(NotificationResponse::parse(frame)),
        Backend::ParameterDescription => {
            consume(ParameterDescription::parse(frame).map(|m| m.types.iter().count()))
        }
        Backend::ParameterStatus => consume(ParameterStatus::parse(frame)),
        Backend::ReadyForQuery => consume(ReadyForQuery::parse(frame)),
        Backend::RowDescription => consume(RowDescription::parse(frame).map(|m| m.iter().count())),
        Backend::BindComplete
        | Backend::CloseComplete
        | Backend::CopyData
        | Backend::CopyDone
        | Backend::EmptyQueryResponse
        | Backend::NoData
        | Backend::ParseComplete
        | Backend::PortalSuspended => {}
    }
}

/// Keeps the optimiser from leaving out what produced `value`.
fn consume<T>(value: T) {
    std::hint::black_box(value);
}
