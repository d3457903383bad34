//! The command as a user calls it, in processes of their own.

mod bench;
mod card;
mod cyclegan;
mod data;
mod facenet;
mod loss;
mod metric;
mod net;
mod refusals;
mod resumption;
mod runs;
mod segment;
mod shell;
mod style;
mod superres;
mod tensors;
mod vgg19;
mod wrong_tensors;
