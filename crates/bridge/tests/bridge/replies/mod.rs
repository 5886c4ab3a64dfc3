//! Every byte, every digit, every hash; and each key on its own node.

mod cluster;
mod resp;
mod scripts;
mod values;
