//! End to end: the real composition, real sockets, a real Redis and a real Kafka.

/// The command line: configs, signatures, schemas.
mod config;
/// The public listener against clients that are slow, many, or odd.
mod edge;
/// Something is away, slow, or killed.
mod failure;
/// A channel that is polled: lists, details, watermark, limits, and the way back.
mod poll;
/// Commands to the channel, and what is said of them.
mod push;
mod support;
/// From a delivery's bytes to its record and its answer.
mod webhook;
