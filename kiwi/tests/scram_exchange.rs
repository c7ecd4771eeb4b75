//! Whole SCRAM exchanges: the recorded one of RFC 7677, our client against our server, and liars.

use kiwi::scram::client::ScramClient;
use kiwi::scram::server::{Binding, ScramServer};
use kiwi::scram::verifier::Verifier;
use kiwi::scram::{ScramError, ScramKeys, salted_password};

/// RFC 7677, section 3: user "user", password "pencil".
const SALT: [u8; 16] =
    [0x5b, 0x6d, 0x99, 0x68, 0x9d, 0x12, 0x35, 0x8e, 0xec, 0xa0, 0x4b, 0x14, 0x12, 0x36, 0xfa, 0x81];
const CLIENT_FIRST: &str = "n,,n=user,r=rOprNGfwEbeRWgbNEkqO";
const SERVER_NONCE: &str = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
const SERVER_FIRST: &str =
    "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
const CLIENT_FINAL: &str = "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
                            p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
const SERVER_FINAL: &str = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";

#[test]
fn the_server_of_the_rfc() {
    let verifier = Verifier::derive(b"pencil", &SALT, 4096);
    let (server, challenge) =
        ScramServer::with_nonce(CLIENT_FIRST.as_bytes(), &verifier, Binding::None, SERVER_NONCE).unwrap();
    assert_eq!(challenge, SERVER_FIRST);
    let finished = server.finish(CLIENT_FINAL.as_bytes(), &verifier).unwrap();
    assert_eq!(finished.message, SERVER_FINAL);
    let keys = ScramKeys::from_salted(&salted_password(b"pencil", &SALT, 4096));
    assert_eq!(finished.keys.client_key, keys.client_key);
    assert_eq!(finished.keys.server_key, keys.server_key);
}

/// Runs our client against our server; returns what either said.
fn exchange(password: &[u8], verifier: &Verifier) -> (Result<ScramKeys, ScramError>, Result<(), ScramError>) {
    let client = ScramClient::new().unwrap();
    let (server, challenge) = ScramServer::start(client.first().as_bytes(), verifier).unwrap();
    let challenge = client.challenge(challenge.as_bytes()).unwrap();
    let salted = salted_password(password, challenge.salt(), challenge.iterations());
    let (mut client, last) = client.prove(challenge, &salted);
    match server.finish(last.as_bytes(), verifier) {
        Ok(finished) => {
            let trusted = client.finish(finished.as_bytes());
            assert_eq!(client.is_finished(), trusted.is_ok());
            (Ok(finished.keys), trusted)
        }
        Err(error) => (Err(error), client.finish(b"e=invalid-proof")),
    }
}

#[test]
fn client_and_server_agree() {
    let cases: [(&str, &[u8], &[u8], u32); 5] = [
        ("as usual", b"pencil", &SALT, 4096),
        ("short salt, one round", b"pencil", b"x", 1),
        ("long salt", b"pencil", &[7; 1024], 2),
        ("not ascii", "pëncil\u{ad}".as_bytes(), &SALT, 2),
        ("not utf-8", b"\xff\xfe", &SALT, 2),
    ];
    for (name, password, salt, iterations) in cases {
        let verifier = Verifier::derive(password, salt, iterations);
        let stored = Verifier::parse(&verifier.to_secret()).expect(name);
        let (accepted, trusted) = exchange(password, &stored);
        assert!(accepted.is_ok() && trusted.is_ok(), "{name}");
        let (refused, _) = exchange(b"pencils", &stored);
        assert_eq!(refused.err(), Some(ScramError::WrongProof), "{name}");
    }
}

#[test]
fn an_equivalent_password_is_the_same_password() {
    let verifier = Verifier::derive("IX".as_bytes(), &SALT, 2);
    assert!(exchange("I\u{ad}X".as_bytes(), &verifier).0.is_ok());
    assert!(exchange("\u{2168}".as_bytes(), &verifier).0.is_ok());
}

#[test]
fn keys_of_one_exchange_open_the_next() {
    let verifier = Verifier::derive(b"pencil", &SALT, 2);
    let keys = exchange(b"pencil", &verifier).0.unwrap();
    let client = ScramClient::new().unwrap();
    let (server, challenge) = ScramServer::start(client.first().as_bytes(), &verifier).unwrap();
    let challenge = client.challenge(challenge.as_bytes()).unwrap();
    let (mut client, last) = client.prove_with(challenge, &keys);
    let finished = server.finish(last.as_bytes(), &verifier).unwrap();
    assert_eq!(client.finish(finished.as_bytes()), Ok(()));
}

#[test]
fn nobody_satisfies_a_mock() {
    let (refused, _) = exchange(b"pencil", &Verifier::mock(&[3; 32], b"nobody"));
    assert_eq!(refused.err(), Some(ScramError::WrongProof));
}

#[test]
fn a_server_without_the_verifier_is_not_trusted() {
    let real = Verifier::derive(b"pencil", &SALT, 2);
    let client = ScramClient::new().unwrap();
    let (_, challenge) = ScramServer::start(client.first().as_bytes(), &real).unwrap();
    let challenge = client.challenge(challenge.as_bytes()).unwrap();
    let salted = salted_password(b"pencil", challenge.salt(), challenge.iterations());
    let (mut client, _) = client.prove(challenge, &salted);
    assert_eq!(client.finish(SERVER_FINAL.as_bytes()), Err(ScramError::WrongSignature));
    assert_eq!(client.finish(SERVER_FINAL.as_bytes()), Err(ScramError::OutOfOrder));
}

#[test]
fn channel_binding() {
    // client-final-message is made by hand: our client never binds.
    let verifier = Verifier::derive(b"pencil", &SALT, 2);
    let keys = ScramKeys::from_salted(&salted_password(b"pencil", &SALT, 2));
    let prove = |data: &[u8], gs2: &str| {
        let binding = Binding::EndPoint(b"certificate");
        let bare = "n=,r=abc";
        let (server, challenge) =
            ScramServer::with_nonce(format!("{gs2}{bare}").as_bytes(), &verifier, binding, "SRV")?;
        let c = openssl::base64::encode_block(&[gs2.as_bytes(), data].concat());
        let without_proof = format!("c={c},r=abcSRV");
        let message = format!("{bare},{challenge},{without_proof}");
        let stored = openssl::sha::sha256(&keys.client_key);
        let key = openssl::pkey::PKey::hmac(&stored).unwrap();
        let digest = openssl::hash::MessageDigest::sha256();
        let mut signer = openssl::sign::Signer::new(digest, &key).unwrap();
        let signature = signer.sign_oneshot_to_vec(message.as_bytes()).unwrap();
        let proof: Vec<u8> = keys.client_key.iter().zip(signature).map(|(a, b)| a ^ b).collect();
        let last = format!("{without_proof},p={}", openssl::base64::encode_block(&proof));
        server.finish(last.as_bytes(), &verifier).map(drop)
    };
    assert_eq!(prove(b"certificate", "p=tls-server-end-point,,"), Ok(()));
    assert_eq!(prove(b"another one", "p=tls-server-end-point,,"), Err(ScramError::BindingMismatch));
    assert_eq!(prove(b"certificate", "p=tls-unique,,"), Err(ScramError::ChannelBinding));
    assert_eq!(prove(b"", "n,,"), Err(ScramError::Malformed));
}
