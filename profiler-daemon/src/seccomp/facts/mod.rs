//! Tables of facts: names of calls, what they are for, widths of arguments, what each libseccomp knows.

pub mod libseccomp;
pub mod names;
pub mod purpose;
pub mod spelling;
pub mod width;
