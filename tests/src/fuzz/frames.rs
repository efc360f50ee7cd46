//! Whatever arrives means the same however it is cut, and never more than was sent.

use std::mem::{Discriminant, discriminant};

use rumpclient::proto::ProtocolError;
use rumpclient::proto::header::HEADER_SIZE;
use rumpclient::proto::inbound::{Event, Inbound};

use super::input::Input;

/// Small, so that both sides of it are reached.
const CAP: usize = 4096;

/// What a stream means: its events, the data of its copyouts, and how it ends.
#[derive(Debug, Default, PartialEq)]
struct Meaning {
    events: Vec<Event>,
    payload: Vec<u8>,
    error: Option<Discriminant<ProtocolError>>,
}

pub(super) fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let (piece, resumed) = (1 + input.below(64), input.byte() & 1 == 1);
    let stream = input.rest();
    let whole = meaning(stream, stream.len().max(1), resumed);
    let cut = meaning(stream, piece, resumed);
    assert_eq!(whole, cut, "in pieces of {piece}");
    assert!(whole.payload.len() <= stream.len());
    assert!(whole.events.len() <= 1 + stream.len() / HEADER_SIZE);
    for event in &whole.events {
        check(event);
    }
}

fn meaning(stream: &[u8], piece: usize, resumed: bool) -> Meaning {
    let start = if resumed { Inbound::resumed } else { Inbound::new };
    let (mut inbound, mut meaning, mut buffer) = (start(CAP), Meaning::default(), Vec::new());
    for piece in stream.chunks(piece) {
        buffer.extend_from_slice(piece);
        loop {
            let payload = inbound.payload_remaining().min(buffer.len());
            inbound.handle_payload(payload);
            meaning.payload.extend(buffer.drain(..payload));
            match inbound.handle_input(&buffer) {
                Ok(step) => {
                    buffer.drain(..step.consumed);
                    match step.event {
                        Some(event) => meaning.events.push(event),
                        None if payload == 0 => break,
                        None => {}
                    }
                }
                Err(error) => {
                    let text = error.to_string();
                    assert!(text.len() < 1000 && !text.contains(char::is_control), "{text:?}");
                    meaning.error = Some(discriminant(&error));
                    return meaning;
                }
            }
        }
        assert!(buffer.len() < CAP, "a whole frame is not acted on");
    }
    meaning
}

fn check(event: &Event) {
    match *event {
        Event::Copyin { len, .. } => assert!(len <= CAP - HEADER_SIZE),
        Event::Copyout { len, .. } => assert!(len <= CAP - HEADER_SIZE),
        _ => {}
    }
}
