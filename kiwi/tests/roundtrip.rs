//! Every message with random contents is read, and written back byte for byte.

mod common;

use common::{Rng, random_backend, random_frontend};
use kiwi::backend::auth::{Authentication, NegotiateProtocolVersion};
use kiwi::backend::command;
use kiwi::backend::errors::ErrorFields;
use kiwi::backend::notify::NotificationResponse;
use kiwi::backend::rows::{
    CopyResponse, DataRow, FunctionCallResponse, ParameterDescription, RowDescription, write_data_row,
    write_row_description,
};
use kiwi::backend::status::{BackendKeyData, ParameterStatus, ReadyForQuery};
use kiwi::frontend::auth::{PasswordMessage, SaslInitialResponse, SaslResponse};
use kiwi::frontend::copy::{CopyData, CopyDone, CopyFail};
use kiwi::frontend::extended::{Bind, Close, Describe, Execute, Flush, Parse, Sync};
use kiwi::frontend::simple::{FunctionCall, Query, Terminate};
use kiwi::startup::{Opening, ProtocolVersion, StartupMessage};
use kiwi::tag::{Backend, Frontend};

const SEEDS: u64 = 500;

macro_rules! rewrite {
    ($frame:expr, $out:expr, $($ty:ident)::+) => {
        $($ty)::+::parse($frame).expect("it is well-formed").write($out)
    };
}

#[test]
fn frontend_messages() {
    for seed in 0..SEEDS {
        let mut rng = Rng::new(seed);
        for tag in Frontend::ALL {
            let frame = &random_frontend(*tag, &mut rng)[..];
            let out = &mut Vec::new();
            match tag {
                Frontend::Query => rewrite!(frame, out, Query),
                Frontend::Parse => rewrite!(frame, out, Parse),
                Frontend::Bind => rewrite!(frame, out, Bind),
                Frontend::Describe => rewrite!(frame, out, Describe),
                Frontend::Execute => rewrite!(frame, out, Execute),
                Frontend::Close => rewrite!(frame, out, Close),
                Frontend::Flush => rewrite!(frame, out, Flush),
                Frontend::Sync => rewrite!(frame, out, Sync),
                Frontend::CopyData => rewrite!(frame, out, CopyData),
                Frontend::CopyDone => rewrite!(frame, out, CopyDone),
                Frontend::CopyFail => rewrite!(frame, out, CopyFail),
                Frontend::FunctionCall => rewrite!(frame, out, FunctionCall),
                Frontend::Password => rewrite!(frame, out, PasswordMessage),
                Frontend::Terminate => rewrite!(frame, out, Terminate),
            }
            assert_eq!(*out, frame, "seed {seed}: {}", tag.name());
        }
    }
}

#[test]
fn sasl_messages() {
    for seed in 0..SEEDS {
        let mut rng = Rng::new(seed);
        let (mechanism, data) = (rng.text(20), rng.bytes(40));
        let message =
            SaslInitialResponse { mechanism: &mechanism, data: (!rng.one_in(3)).then_some(&data[..]) };
        let mut out = Vec::new();
        message.write(&mut out);
        assert_eq!(SaslInitialResponse::parse(&out), Ok(message), "seed {seed}");
        out.clear();
        SaslResponse { data: &data }.write(&mut out);
        assert_eq!(SaslResponse::parse(&out), Ok(SaslResponse { data: &data }), "seed {seed}");
    }
}

#[test]
fn backend_messages() {
    for seed in 0..SEEDS {
        let mut rng = Rng::new(seed);
        for tag in Backend::ALL {
            let frame = &random_backend(*tag, &mut rng)[..];
            let out = &mut Vec::new();
            match tag {
                Backend::Authentication => rewrite!(frame, out, Authentication),
                Backend::BackendKeyData => rewrite!(frame, out, BackendKeyData),
                Backend::BindComplete => rewrite!(frame, out, command::BindComplete),
                Backend::CloseComplete => rewrite!(frame, out, command::CloseComplete),
                Backend::CommandComplete => rewrite!(frame, out, command::CommandComplete),
                Backend::CopyData => rewrite!(frame, out, CopyData),
                Backend::CopyDone => rewrite!(frame, out, command::CopyDone),
                Backend::CopyInResponse | Backend::CopyOutResponse | Backend::CopyBothResponse => {
                    rewrite!(frame, out, CopyResponse);
                }
                Backend::DataRow => {
                    rewrite!(frame, out, DataRow);
                    let values: Vec<_> = DataRow::parse(frame).unwrap().values.iter().collect();
                    let mut rebuilt = Vec::new();
                    write_data_row(&mut rebuilt, &values).unwrap();
                    assert_eq!(rebuilt, frame, "seed {seed}");
                }
                Backend::EmptyQueryResponse => rewrite!(frame, out, command::EmptyQueryResponse),
                Backend::ErrorResponse => rewrite!(frame, out, ErrorFields),
                Backend::FunctionCallResponse => rewrite!(frame, out, FunctionCallResponse),
                Backend::NegotiateProtocolVersion => rewrite!(frame, out, NegotiateProtocolVersion),
                Backend::NoData => rewrite!(frame, out, command::NoData),
                Backend::NoticeResponse => ErrorFields::parse_notice(frame).unwrap().write_notice(out),
                Backend::NotificationResponse => rewrite!(frame, out, NotificationResponse),
                Backend::ParameterDescription => rewrite!(frame, out, ParameterDescription),
                Backend::ParameterStatus => rewrite!(frame, out, ParameterStatus),
                Backend::ParseComplete => rewrite!(frame, out, command::ParseComplete),
                Backend::PortalSuspended => rewrite!(frame, out, command::PortalSuspended),
                Backend::ReadyForQuery => rewrite!(frame, out, ReadyForQuery),
                Backend::RowDescription => {
                    rewrite!(frame, out, RowDescription);
                    let fields: Vec<_> = RowDescription::parse(frame).unwrap().iter().collect();
                    let mut rebuilt = Vec::new();
                    write_row_description(&mut rebuilt, &fields).unwrap();
                    assert_eq!(rebuilt, frame, "seed {seed}");
                }
            }
            assert_eq!(*out, frame, "seed {seed}: {}", tag.name());
        }
    }
}

#[test]
fn startup_messages() {
    for seed in 0..SEEDS {
        let mut rng = Rng::new(seed);
        let mut params = vec![(b"user".to_vec(), b"u".to_vec())];
        params.extend((0..rng.below(6)).map(|_| ([&b"n"[..], &rng.text(10)].concat(), rng.text(20))));
        let message = StartupMessage::new(ProtocolVersion { major: 3, minor: 2 }, params.clone());
        let mut out = Vec::new();
        message.write(&mut out);
        assert_eq!(Opening::parse(&out), Ok(Opening::Startup(message.clone())), "seed {seed}");
        let found: Vec<_> = message.iter().map(|(name, value)| (name.to_vec(), value.to_vec())).collect();
        assert_eq!(found, params, "seed {seed}");
    }
}
