//! Frames, held against the bytes that real clients and servers exchanged.

use super::frame::{Frame as Wire, Writer};
use super::gzip::{self, CONTENT_LIMIT_BYTES};
use super::session::{Session, connect, signature};
use crate::contract::carriers::Carriers;
use crate::contract::model::Timestamp;
use crate::contract::{
    Credentials, Error, ErrorKind, Event, Frame, Secret, StreamItem, StreamMessage, StreamSession,
};
use proptest::prelude::*;
use serde_json::Value;
use std::collections::BTreeMap;

const SECRET: &str = "helloworldsecret";

/// Frames of real clients, as hexadecimal text, by name.
fn frames() -> BTreeMap<String, Vec<u8>> {
    let text = include_str!("../fixtures/tmc-frames.json");
    let frames: BTreeMap<String, String> = serde_json::from_str(text).unwrap();
    frames.into_iter().map(|(name, text)| (name, hex::decode(text).unwrap())).collect()
}

fn session() -> Session {
    Session::new(Carriers::try_new(BTreeMap::new()).unwrap())
}

/// A session that a real server accepted.
fn accepted() -> Session {
    let mut session = session();
    let ack = frames()["server_connect_ack"].clone();
    assert!(matches!(receive(&mut session, ack)[..], [StreamItem::Accepted]));
    session
}

fn receive(session: &mut Session, frame: Vec<u8>) -> Vec<StreamItem> {
    session.receive(&Frame::Binary(frame.into()))
}

fn bytes(frame: Option<Frame>) -> Vec<u8> {
    match frame {
        Some(Frame::Binary(bytes)) => bytes.to_vec(),
        other => panic!("{other:?}"),
    }
}

fn message(items: Vec<StreamItem>) -> StreamMessage {
    match items.into_iter().next() {
        Some(StreamItem::Message(message)) => *message,
        other => panic!("{other:?}"),
    }
}

fn unreadable(items: &[StreamItem]) -> &Error {
    match items {
        [StreamItem::Unreadable(error)] => error,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_signature_is_that_of_the_official_client() {
    let signed = signature(&Secret::new(SECRET), "12345678", "mygroup", "1795401670200");
    assert_eq!(signed, "189A681382E17C80DC0C78C92EBAD810");
    let signed = signature(&Secret::new(SECRET), "12345678", "default", "1795401605047");
    assert_eq!(signed, "FAC8D4FBDDECA67E7BE6EB1AC8BB6EEE");
}

#[test]
fn a_connection_begins_with_the_frame_of_a_real_client() {
    let credentials = Credentials {
        app_key: "12345678".to_owned(),
        app_secret: Secret::new(SECRET),
        token: None,
    };
    let now = Timestamp::from_unix_ms(1_795_401_605_047);
    let own = bytes(Some(connect(&credentials, "default", now)));
    let theirs = Wire::read(&frames()["node_connect"]).map(|frame| {
        let names = ["app_key", "group_name", "timestamp", "sign"];
        names.map(|name| frame.text(name).unwrap().to_owned())
    });
    let frame = Wire::read(&own).unwrap();
    let names = ["app_key", "group_name", "timestamp", "sign"];
    assert_eq!(names.map(|name| frame.text(name).unwrap().to_owned()), theirs.unwrap());
    // The same order and the same forms, but for what the client calls itself.
    let node = &frames()["node_connect"];
    let head = own.windows(3).position(|part| part == b"sdk").unwrap();
    assert_eq!(own[..head], node[..head]);
}

#[test]
fn requests_for_more_confirms_and_failures_are_those_of_real_clients() {
    let (frames, mut session) = (frames(), accepted());
    assert_eq!(bytes(session.pull()), frames["pull"]);
    let id = "5152000000000000001";
    assert_eq!(bytes(session.confirm(id)), frames["node_confirm"]);
    let failed = bytes(session.fail("5152000000000000002", "demo failure"));
    let (own, theirs) = (Wire::read(&failed).unwrap(), Wire::read(&frames["java_failed"]).unwrap());
    for name in ["id", "__kind"] {
        assert_eq!(own.whole(name), theirs.whole(name), "{name}");
        assert!(own.whole(name).is_some());
    }
    assert_eq!(own.text("msg"), theirs.text("msg"));
    assert_eq!(own.token, theirs.token);
    let long = bytes(session.fail(id, &"é".repeat(500)));
    let reason = Wire::read(&long).unwrap().text("msg").unwrap().chars().count();
    assert_eq!(reason, 128, "the channel takes no longer reason");
    assert!(session.confirm("none of ours").is_none());
}

#[test]
fn a_message_of_a_real_server_is_read() {
    for name in ["server_data_java", "server_data_node"] {
        let message = message(receive(&mut accepted(), frames()[name].clone()));
        assert_eq!(message.id, "5152000000000000001");
        assert_eq!(message.sellers, ["id:2054501234", "nick:测试旗舰店"]);
        assert!(message.sent_at.is_some());
        match &message.events[..] {
            [Event::OrderChanged { id, modified: None }] => {
                assert_eq!(id.as_str(), "2067719225654838");
            }
            other => panic!("{other:?}"),
        }
        let content: Value = serde_json::from_slice(&message.raw).unwrap();
        assert_eq!(content["payment"], "44.00");
    }
}

#[test]
fn a_refusal_is_no_acceptance_and_says_its_status() {
    let mut refusal = vec![2, 1, 2, 0];
    refusal.extend(401_i32.to_le_bytes());
    refusal.extend([3, 0, 4, 0, 0, 0]);
    refusal.extend(b"nope");
    refusal.extend([0, 0]);
    match &receive(&mut session(), refusal.clone())[..] {
        [StreamItem::Refused(error)] => {
            assert_eq!(error.kind(), ErrorKind::Unauthorized);
            assert_eq!(error.channel_code(), Some("401"));
            assert!(!error.to_string().contains("nope"), "{error}");
        }
        other => panic!("{other:?}"),
    }
    // The same status on a later frame ends the connection, and another try may do better.
    refusal[1] = 3;
    match &receive(&mut accepted(), refusal)[..] {
        [StreamItem::Refused(error)] => assert_eq!(error.kind(), ErrorKind::Unavailable),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_frame_cut_off_anywhere_is_unreadable_and_nothing_worse() {
    for (name, frame) in frames() {
        for end in 0..frame.len() {
            let mut session = session();
            let items = receive(&mut session, frame[..end].to_vec());
            assert_eq!(unreadable(&items).kind(), ErrorKind::Malformed, "{name} at {end}");
        }
    }
}

#[test]
fn lengths_that_claim_more_than_there_is_allocate_nothing() {
    let data = frames()["server_data_java"].clone();
    let mut broken = 0;
    for at in 0..data.len() - 4 {
        for claimed in [u32::MAX, u32::MAX / 2, 0x00ff_ffff] {
            let mut frame = data.clone();
            frame[at..at + 4].copy_from_slice(&claimed.to_le_bytes());
            let items = receive(&mut session(), frame);
            broken += usize::from(matches!(items[..], [StreamItem::Unreadable(_)]));
        }
    }
    assert!(broken > 100, "{broken}");
    let many = (0..100).fold(Writer::new(2), |frame, at| frame.byte(&at.to_string(), 1));
    let items = receive(&mut session(), many.end());
    assert_eq!(unreadable(&items).context(), "too many values in a frame");
    let twice = Writer::new(2).int64("id", 1).int64("id", 2).end();
    let items = receive(&mut session(), twice);
    assert_eq!(unreadable(&items).context(), "a value that is there twice");
    let text = session().receive(&Frame::Text("{}".to_owned()));
    assert_eq!(unreadable(&text).kind(), ErrorKind::Malformed);
}

/// A message with this content field, written by hand.
fn with_content(form: u8, content: &[u8]) -> Vec<u8> {
    let mut frame = Writer::new(2)
        .byte("__kind", 3)
        .int64("id", 7)
        .text("topic", "taobao_trade_TradeCreate")
        .int64("userid", 1)
        .end();
    frame.truncate(frame.len() - 2);
    frame.extend([1, 0, 7, 0, 0, 0]);
    frame.extend(b"content");
    frame.push(form);
    frame.extend(u32::try_from(content.len()).unwrap().to_le_bytes());
    frame.extend(content);
    frame.extend([0, 0]);
    frame
}

fn suspect(message: &StreamMessage) -> &Error {
    match &message.events[..] {
        [Event::Suspect(suspect)] => {
            assert_eq!(suspect.object_id.as_deref(), Some("message-7"));
            &suspect.error
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn packed_content_is_opened_up_to_a_size_and_checked() {
    let content = br#"{"tid":2067719225654838}"#;
    let packed = pack(content);
    assert_eq!(gzip::open(&packed).unwrap(), content);
    let opened = message(receive(&mut session(), with_content(7, &packed)));
    assert_eq!(&opened.raw[..], content);
    assert!(matches!(opened.events[..], [Event::OrderChanged { .. }]));
    for end in 0..packed.len() {
        assert!(gzip::open(&packed[..end]).is_err(), "{end}");
    }
    let mut harmless = 0;
    for at in 0..packed.len() {
        let mut changed = packed.clone();
        changed[at] ^= 0x10;
        // Time, hints and system in the head, and the bits behind the last block, are nobody's business.
        if let Ok(opened) = gzip::open(&changed) {
            harmless += 1;
            assert_eq!(opened, content, "{at}");
        }
    }
    assert!(harmless <= 7, "{harmless}");
    let bomb = pack(&vec![b' '; CONTENT_LIMIT_BYTES + 1]);
    assert!(bomb.len() < 8192, "{}", bomb.len());
    let kept = message(receive(&mut session(), with_content(7, &bomb)));
    assert_eq!(suspect(&kept).path(), Some("content"));
    assert_eq!(kept.raw, bomb, "what cannot be opened is kept as it came");
    let full = pack(&vec![b' '; CONTENT_LIMIT_BYTES]);
    assert_eq!(gzip::open(&full).unwrap().len(), CONTENT_LIMIT_BYTES);
}

#[test]
fn content_that_is_no_text_or_no_json_is_kept_with_its_message() {
    let long = vec![b' '; CONTENT_LIMIT_BYTES + 1];
    for content in [&b"\xb2\xe2\xca\xd4"[..], b"<html>", b"{\"tid\":", b"[]", &long] {
        let kept = message(receive(&mut session(), with_content(1, content)));
        assert_eq!(suspect(&kept).kind(), ErrorKind::Malformed);
        assert!(kept.raw.len() <= CONTENT_LIMIT_BYTES);
    }
    let none = message(receive(&mut session(), with_content(1, b"")));
    assert_eq!(suspect(&none).path(), Some("content"));
}

/// A gzip stream of one stored block for each 65,535 bytes, or of one packed block.
fn pack(content: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    packer.write_all(content).unwrap();
    packer.finish().unwrap()
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_a_panic(frame: Vec<u8>) {
        receive(&mut accepted(), frame.clone());
        receive(&mut accepted(), [vec![2, 2], frame.clone()].concat());
        receive(&mut accepted(), with_content(7, &frame));
        receive(&mut accepted(), with_content(1, &frame));
    }
}
