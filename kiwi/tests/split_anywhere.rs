//! The same bytes, cut anywhere, give the same frames; any beginning of a message is no message and no panic.

mod common;

use common::{Rng, random_backend, random_frontend};
use kiwi::error::DecodeError;
use kiwi::frame::{self, Frames, Limits};
use kiwi::fuzz::{fuzz_backend, fuzz_frontend, fuzz_opening};
use kiwi::startup::{CancelKey, SecretKey, write_cancel_request, write_startup};
use kiwi::tag::{Backend, Frontend};

/// Frames of bytes that arrive in pieces ending at `cuts`: what a connection does with its buffer.
fn collect(stream: &[u8], cuts: &[usize], limits: Limits) -> Result<Vec<Vec<u8>>, DecodeError> {
    let mut found = Vec::new();
    let mut buffer = Vec::new();
    let mut from = 0;
    for &to in cuts.iter().chain([&stream.len()]) {
        buffer.extend_from_slice(&stream[from..to]);
        from = to;
        let mut frames = Frames::new(&buffer, limits);
        for frame in frames.by_ref() {
            let (header, bytes) = frame?;
            assert_eq!((header.len, header.tag), (bytes.len(), bytes[0]));
            found.push(bytes.to_vec());
        }
        let consumed = frames.consumed();
        buffer.drain(..consumed);
    }
    assert!(buffer.is_empty(), "a whole stream leaves nothing");
    Ok(found)
}

fn check(messages: &[Vec<u8>], limits: Limits) {
    let stream = messages.concat();
    for cut in 0..=stream.len() {
        assert_eq!(collect(&stream, &[cut], limits).unwrap(), messages, "cut at {cut}");
    }
    let each_byte: Vec<usize> = (0..stream.len()).collect();
    assert_eq!(collect(&stream, &each_byte, limits).unwrap(), messages, "byte by byte");
}

#[test]
fn split_anywhere_gives_the_same_frames() {
    for seed in 0..20 {
        let mut rng = Rng::new(seed);
        let sent: Vec<Vec<u8>> = Frontend::ALL.iter().map(|tag| random_frontend(*tag, &mut rng)).collect();
        check(&sent, Limits::frontend());
        let received: Vec<Vec<u8>> = Backend::ALL.iter().map(|tag| random_backend(*tag, &mut rng)).collect();
        check(&received, Limits::backend());
    }
}

/// A message cut short, with its length word made to agree: the fields are missing, the frame is whole.
fn shortened(message: &[u8], len: usize) -> Vec<u8> {
    let mut short = message[..len].to_vec();
    let length = u32::try_from(len - 1).unwrap();
    short[1..5].copy_from_slice(&length.to_be_bytes());
    short
}

#[test]
fn truncate_anywhere_never_panics() {
    for seed in 0..50 {
        let mut rng = Rng::new(seed);
        for tag in Frontend::ALL {
            let message = random_frontend(*tag, &mut rng);
            (0..message.len()).for_each(|len| fuzz_frontend(&message[..len]));
            (5..message.len()).for_each(|len| fuzz_frontend(&shortened(&message, len)));
        }
        for tag in Backend::ALL {
            let message = random_backend(*tag, &mut rng);
            (0..message.len()).for_each(|len| fuzz_backend(&message[..len]));
            (5..message.len()).for_each(|len| fuzz_backend(&shortened(&message, len)));
        }
    }
}

#[test]
fn a_first_packet_is_known_by_its_first_four_bytes() {
    let mut startup = Vec::new();
    write_startup(&mut startup, [("user", "bob"), ("options", "-c role=x"), ("application_name", "test")]);
    let mut cancel = Vec::new();
    write_cancel_request(&mut cancel, &CancelKey { pid: 1, secret: SecretKey::new(&[7; 32]).unwrap() });
    for packet in [startup, cancel] {
        for len in 0..=packet.len() {
            let want = (len >= 4).then_some(packet.len());
            assert_eq!(frame::opening(&packet[..len]), Ok(want), "{len}");
            fuzz_opening(&packet[..len]);
            if len >= 4 {
                let mut short = packet[..len].to_vec();
                short[..4].copy_from_slice(&u32::try_from(len).unwrap().to_be_bytes());
                fuzz_opening(&short);
            }
        }
    }
}
