//! The command as a user calls it, in processes of their own.

mod cyclegan;
mod data;
mod refusals;
mod resumption;
mod runs;
mod shell;
