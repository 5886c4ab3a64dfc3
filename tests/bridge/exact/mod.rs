//! Every byte, every digit, every hash.
