//! The programs, one hook a file.

#[cfg(not(feature = "classic"))]
mod btf;
#[cfg(feature = "classic")]
mod classic;
