//! End to end: the real composition, real sockets, a real Redis and a real Kafka.

/// The command line: configs, signatures, schemas.
mod config;
/// The public listener against clients that are slow, many, or odd.
mod edge;
/// Something is away, slow, or killed.
mod failure;
mod support;
/// From a delivery's bytes to its record and its answer.
mod webhook;
