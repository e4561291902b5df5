//! What goes out: the same envelope that comes in, with an id that every attempt shares.

use super::{CHANNEL, sign};
use crate::contract::model::{ShopId, Timestamp};
use crate::contract::{ApiRequest, Error, EventId, Result};
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use serde::Serialize;

#[derive(Serialize)]
struct Message<'a, T> {
    r#type: &'a str,
    timestamp: Timestamp,
    data: &'a T,
}

/// A message of a type; its quota is named like it. `version` is what makes equal content a new message.
pub(super) fn post(
    api: &'static str,
    shop: &ShopId,
    now: Timestamp,
    version: &[u8],
    data: &impl Serialize,
) -> Result<ApiRequest> {
    let unwritable = |_| Error::malformed("the message cannot be written as JSON");
    let content = serde_json::to_vec(data).map_err(unwritable)?;
    let body = serde_json::to_vec(&Message { r#type: api, timestamp: now, data });
    let body = Bytes::from(body.map_err(unwritable)?);
    let headers = headers(api, shop, &[version, &content])?;
    Ok(ApiRequest { headers, body, ..ApiRequest::post(api).idempotent() })
}

/// Headers that signing does not add: the message's id, and that it is JSON.
pub(super) fn headers(api: &'static str, shop: &ShopId, content: &[&[u8]]) -> Result<HeaderMap> {
    let id = EventId::of(CHANNEL, shop.as_str(), api, "", content);
    let id = HeaderValue::from_str(&format!("msg_{id}"))
        .map_err(|_| Error::malformed("not a header value"))?;
    let mut headers = HeaderMap::new();
    headers.insert(sign::ID, id);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(headers)
}

/// A partner's own word for what is wrong, if it is a word: free text may hold anything and is not passed on.
pub(super) fn code(text: &str) -> Option<&str> {
    let is_code = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    (!text.is_empty() && text.len() <= 64 && text.bytes().all(is_code)).then_some(text)
}
