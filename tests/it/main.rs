//! End to end: the real composition, real sockets, a real Redis and a real Kafka.

/// The command line: configs, signatures, schemas.
#[cfg(test)]
mod config;
/// The public listener against clients that are slow, many, or odd.
#[cfg(test)]
mod edge;
/// Something is away, slow, or killed.
#[cfg(test)]
mod failure;
/// A channel that is polled: lists, details, watermark, limits, and the way back.
#[cfg(test)]
mod poll;
/// Commands to the channel, and what is said of them.
#[cfg(test)]
mod push;
#[cfg(test)]
mod support;
/// From a delivery's bytes to its record and its answer.
#[cfg(test)]
mod webhook;
