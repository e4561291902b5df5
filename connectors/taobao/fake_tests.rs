//! The fake of TOP.
