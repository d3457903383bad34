//! The one place that knows bincode.
//!
//! bincode 2.0.1 is complete and does its work, but it is no longer maintained
//! (3.0.0 on the registry is an empty notice). Should it have to go, these two
//! functions and the format version in [`crate::checkpoint`] are all that
//! changes: nothing else in the workspace depends on how states are encoded.

use serde::{Serialize, de::DeserializeOwned};
use std::io::{self, Write};

/// Writes `value` to `writer`; equal values give equal bytes.
///
/// # Errors
/// Whatever `writer` returns.
pub fn encode(value: &impl Serialize, writer: &mut impl Write) -> io::Result<()> {
    bincode::serde::encode_into_std_write(value, writer, bincode::config::standard()).map(|_| ()).map_err(
        |error| match error {
            bincode::error::EncodeError::Io { inner, .. } => inner,
            other => io::Error::other(other),
        },
    )
}

/// Reads what [`encode`] wrote; `bytes` must hold nothing else.
///
/// # Errors
/// What is wrong with the bytes, in words.
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    let (value, used) = bincode::serde::decode_from_slice(bytes, bincode::config::standard())
        .map_err(|error| error.to_string())?;
    if used == bytes.len() { Ok(value) } else { Err(format!("{} bytes are left over", bytes.len() - used)) }
}
