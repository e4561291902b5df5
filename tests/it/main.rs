//! End to end: the real composition, real sockets, a real Redis and a real Kafka.
