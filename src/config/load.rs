//! l
/// tmp
#[derive(Debug)]
pub struct Problem;
/// tmp
pub fn load_dev() {}
/// tmp
pub fn load_file() {}
