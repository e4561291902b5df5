//! Asks the rooms what only they can tell of a config: whether they would start with it. Nothing is kept and nobody is
//! called.

use crate::config::{Plan, Problem};
use crate::store::RedisStore;
use crate::{bus, ingress};

/// What keeps the gateway from starting with this plan.
pub fn judge(plan: &Plan) -> Vec<Problem> {
    [kafka(plan), store(plan), tls(plan)].into_iter().flatten().collect()
}

fn kafka(plan: &Plan) -> Option<Problem> {
    let settings = &plan.config.kafka;
    let refused = bus::judge(settings, &plan.kafka_secrets).err()?;
    let key = match refused.property.as_deref() {
        Some(name) if settings.properties.contains_key(name) => {
            format!("kafka.properties.{name:?}")
        }
        Some(name) if settings.secret_properties.contains_key(name) => {
            format!("kafka.secret_properties.{name:?}")
        }
        Some("linger.ms") => "kafka.linger_ms".to_owned(),
        Some("queue.buffering.max.messages") => "kafka.queue_records".to_owned(),
        Some(_) | None => "kafka.properties".to_owned(),
    };
    Some(Problem::new(key, refused.reason))
}

fn store(plan: &Plan) -> Option<Problem> {
    let url = plan.redis_url.as_ref()?;
    if RedisStore::accepts(url.expose_str()) {
        return None;
    }
    let key = if plan.config.store.secret_url.is_some() { "store.secret_url" } else { "store.url" };
    Some(Problem::new(key, "expected redis://HOST:PORT"))
}

fn tls(plan: &Plan) -> Option<Problem> {
    let listen = &plan.config.listen;
    let (certificate, private) = (listen.tls_cert.as_ref()?, listen.tls_key.as_ref()?);
    let reason = ingress::tls_acceptor(certificate, private).err()?;
    let is_key = reason.starts_with(&*private.to_string_lossy());
    Some(Problem::new(if is_key { "listen.tls_key" } else { "listen.tls_cert" }, reason))
}
