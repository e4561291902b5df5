//! End to end: the real composition, real sockets, a real Redis and a real Kafka. And the rules of the house.

/// Every channel, in every direction.
#[cfg(test)]
mod channels;
/// Processes that die, come and go.
#[cfg(test)]
mod chaos;
/// The command line: configs, signatures, schemas.
#[cfg(test)]
mod config;
/// What operators look at: dashboards, alerts, runbook.
#[cfg(test)]
mod dashboards;
/// Commands that could not be understood, and `dlq`.
#[cfg(test)]
mod dead_letters;
/// What is depended on: licences, sources, versions.
#[cfg(test)]
mod dependencies;
/// Told levels that are read back.
#[cfg(test)]
mod drift;
/// The public listener against clients that are slow, many, or odd.
#[cfg(test)]
mod edge;
/// What an order says besides itself: its parcels and its money.
#[cfg(test)]
mod facts;
/// Something is away, slow, or killed.
#[cfg(test)]
mod failure;
/// Limits that processes share.
#[cfg(test)]
mod limits;
/// A channel that lists orders by the time they were placed.
#[cfg(test)]
mod open;
/// A channel that is polled: lists, details, watermark, limits, and the way back.
#[cfg(test)]
mod poll;
/// Commands to the channel, and what is said of them.
#[cfg(test)]
mod push;
/// The recipes of docs/signatures.md, computed again.
#[cfg(test)]
mod recipes;
/// The files of this repository, for the rules below.
#[cfg(test)]
mod repository;
/// The contract of the topics for machines.
#[cfg(test)]
mod schemas;
/// What `verify` says.
#[cfg(test)]
mod signatures;
/// A simulated channel on its own.
#[cfg(test)]
mod simulate;
/// What `check` accepts starts.
#[cfg(test)]
mod starts;
/// A channel that pushes messages over a connection we open.
#[cfg(test)]
mod stream;
#[cfg(test)]
mod support;
/// The rules of the house.
#[cfg(test)]
mod tidy;
/// Which stock level is the newest.
#[cfg(test)]
mod versions;
/// A warehouse that calls.
#[cfg(test)]
mod warehouse;
/// Parcels: told once, the most urgent first, and not while their order is held.
#[cfg(test)]
mod waybill;
/// From a delivery's bytes to its record and its answer.
#[cfg(test)]
mod webhook;
