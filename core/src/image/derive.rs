//! Deriving an image: a fork of another one that has run more. The compiled code is shared; only
//! memory and files are its own.
