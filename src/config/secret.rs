//! l
/// tmp
#[derive(Debug, Clone, serde::Deserialize)]
pub struct SecretRef(String);
