//! Tables of facts: names of calls, widths of arguments, what each libseccomp knows.

pub mod libseccomp;
pub mod names;
pub mod spelling;
pub mod width;
