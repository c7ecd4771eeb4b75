//! What the tests of this crate share: seeded randomness, random messages, hexadecimal text.

#![allow(dead_code, reason = "each test file uses its own part")]

use kiwi::backend::auth::{Authentication, Mechanisms, NegotiateProtocolVersion};
use kiwi::backend::errors::{ErrorReply, Severity};
use kiwi::backend::notify::NotificationResponse;
use kiwi::backend::rows::{Field, write_data_row, write_row_description};
use kiwi::backend::status::{ParameterStatus, TxStatus, write_key_data, write_ready};
use kiwi::sqlstate::SqlState;
use kiwi::startup::{CancelKey, ProtocolVersion, SecretKey};
use kiwi::tag::{Backend, Frontend};
use kiwi::write;

/// A generator whose whole state is its seed (splitmix64).
pub(crate) struct Rng(u64);

impl Rng {
    pub(crate) fn new(seed: u64) -> Rng {
        Rng(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// 0..bound.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound as u64).unwrap()
    }

    /// True once in `n`.
    pub(crate) fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    pub(crate) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    pub(crate) fn bytes(&mut self, most: usize) -> Vec<u8> {
        (0..self.below(most + 1)).map(|_| self.next().to_le_bytes()[0]).collect()
    }

    /// Bytes without a zero.
    pub(crate) fn text(&mut self, most: usize) -> Vec<u8> {
        self.bytes(most).into_iter().filter(|byte| *byte != 0).collect()
    }

    fn i16(&mut self) -> i16 {
        i16::from_le_bytes(self.next().to_le_bytes()[..2].try_into().unwrap())
    }

    fn u32(&mut self) -> u32 {
        u32::from_le_bytes(self.next().to_le_bytes()[..4].try_into().unwrap())
    }

    fn i32(&mut self) -> i32 {
        i32::from_le_bytes(self.next().to_le_bytes()[..4].try_into().unwrap())
    }

    fn value(&mut self) -> Option<Vec<u8>> {
        (!self.one_in(4)).then(|| self.bytes(20))
    }

    fn values(&mut self) -> Vec<Option<Vec<u8>>> {
        (0..self.below(5)).map(|_| self.value()).collect()
    }
}

fn formats(rng: &mut Rng, w: &mut write::Writer<'_>) {
    let count = rng.below(4);
    w.count_of(count, "formats").unwrap();
    (0..count).for_each(|_| w.i16(rng.pick(&[0, 1])));
}

fn type_ids(rng: &mut Rng, w: &mut write::Writer<'_>) {
    let count = rng.below(4);
    w.count_of(count, "types").unwrap();
    (0..count).for_each(|_| w.u32(rng.u32()));
}

fn values(rng: &mut Rng, w: &mut write::Writer<'_>) {
    let values = rng.values();
    w.count_of(values.len(), "values").unwrap();
    values.iter().for_each(|value| w.value(value.as_deref(), "value").unwrap());
}

/// A well-formed frame of this message with random contents.
pub(crate) fn random_frontend(tag: Frontend, rng: &mut Rng) -> Vec<u8> {
    let mut out = Vec::new();
    write::frame(&mut out, tag.as_byte(), |w| match tag {
        Frontend::Query | Frontend::CopyFail | Frontend::Password => w.cstr(&rng.text(30)),
        Frontend::Parse => {
            w.cstr(&rng.text(10));
            w.cstr(&rng.text(30));
            type_ids(rng, w);
        }
        Frontend::Bind => {
            w.cstr(&rng.text(10));
            w.cstr(&rng.text(10));
            formats(rng, w);
            values(rng, w);
            formats(rng, w);
        }
        Frontend::Describe | Frontend::Close => {
            w.u8(rng.pick(b"SP"));
            w.cstr(&rng.text(10));
        }
        Frontend::Execute => {
            w.cstr(&rng.text(10));
            w.i32(rng.i32());
        }
        Frontend::CopyData => w.bytes(&rng.bytes(40)),
        Frontend::FunctionCall => {
            w.u32(rng.u32());
            formats(rng, w);
            values(rng, w);
            w.i16(rng.pick(&[0, 1]));
        }
        Frontend::Flush | Frontend::Sync | Frontend::CopyDone | Frontend::Terminate => {}
    });
    out
}

/// A well-formed frame of this message with random contents.
pub(crate) fn random_backend(tag: Backend, rng: &mut Rng) -> Vec<u8> {
    let mut out = Vec::new();
    match tag {
        Backend::Authentication => random_authentication(rng, &mut out),
        Backend::BackendKeyData => {
            let secret = [rng.bytes(252), vec![1; 4]].concat();
            write_key_data(&mut out, &CancelKey { pid: rng.i32(), secret: SecretKey::new(&secret).unwrap() });
        }
        Backend::DataRow => write_data_row(&mut out, &rng.values()).unwrap(),
        Backend::RowDescription => {
            let names: Vec<Vec<u8>> = (0..rng.below(4)).map(|_| rng.text(10)).collect();
            let fields: Vec<Field<'_>> = names
                .iter()
                .map(|name| Field {
                    table: rng.u32(),
                    column: rng.i16(),
                    type_modifier: rng.i32(),
                    format: rng.pick(&[0, 1]),
                    ..Field::text(name, rng.u32(), rng.i16())
                })
                .collect();
            write_row_description(&mut out, &fields).unwrap();
        }
        Backend::ErrorResponse | Backend::NoticeResponse => {
            let texts: Vec<String> =
                (0..3).map(|_| String::from_utf8_lossy(&rng.text(20)).into_owned()).collect();
            let reply = ErrorReply {
                severity: rng.pick(&[Severity::Error, Severity::Fatal, Severity::Notice]),
                code: rng.pick(&[SqlState::INTERNAL_ERROR, SqlState::SYNTAX_ERROR]),
                message: &texts[0],
                detail: rng.one_in(2).then_some(texts[1].as_str()),
                hint: rng.one_in(2).then_some(texts[2].as_str()),
            };
            if tag == Backend::ErrorResponse { reply.write(&mut out) } else { reply.write_notice(&mut out) }
        }
        Backend::NotificationResponse => {
            let (channel, payload) = (rng.text(10), rng.text(20));
            NotificationResponse { pid: rng.i32(), channel: &channel, payload: &payload }.write(&mut out);
        }
        Backend::NegotiateProtocolVersion => {
            let options: Vec<Vec<u8>> = (0..rng.below(4)).map(|_| rng.text(10)).collect();
            let newest = ProtocolVersion::from_code(rng.u32());
            let options = options.iter().map(Vec::as_slice).collect();
            NegotiateProtocolVersion { newest, options }.write(&mut out);
        }
        Backend::ParameterStatus => {
            let (name, value) = (rng.text(10), rng.text(20));
            ParameterStatus { name: &name, value: &value }.write(&mut out);
        }
        Backend::ReadyForQuery => {
            write_ready(&mut out, rng.pick(&[TxStatus::Idle, TxStatus::InBlock, TxStatus::Failed]));
        }
        _ => write::frame(&mut out, tag.as_byte(), |w| match tag {
            Backend::CommandComplete => w.cstr(&rng.text(20)),
            Backend::CopyData => w.bytes(&rng.bytes(40)),
            Backend::CopyInResponse | Backend::CopyOutResponse | Backend::CopyBothResponse => {
                w.u8(rng.pick(&[0, 1]));
                formats(rng, w);
            }
            Backend::FunctionCallResponse => w.value(rng.value().as_deref(), "result").unwrap(),
            Backend::ParameterDescription => type_ids(rng, w),
            _ => {}
        }),
    }
    out
}

fn random_authentication(rng: &mut Rng, out: &mut Vec<u8>) {
    let data = rng.bytes(20);
    let salt = rng.u32().to_be_bytes();
    rng.pick(&[
        Authentication::Ok,
        Authentication::CleartextPassword,
        Authentication::Md5Password { salt },
        Authentication::Gss,
        Authentication::GssContinue(&data),
        Authentication::Sspi,
        Authentication::Sasl(Mechanisms::SCRAM_THEN_PLUS),
        Authentication::SaslContinue(&data),
        Authentication::SaslFinal(&data),
    ])
    .write(out);
}

/// Bytes from hexadecimal digits and blanks.
pub(crate) fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u32> =
        text.chars().filter(|c| !c.is_whitespace()).map(|c| c.to_digit(16).expect("a digit")).collect();
    assert!(digits.len().is_multiple_of(2), "half a byte in {text}");
    digits.chunks(2).map(|pair| u8::try_from(pair[0] * 16 + pair[1]).unwrap()).collect()
}
