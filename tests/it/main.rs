//! End to end: the real composition, real sockets, a real Redis and a real Kafka. And the rules of the house.

mod dashboards;
mod dependencies;
mod repository;
mod tidy;
