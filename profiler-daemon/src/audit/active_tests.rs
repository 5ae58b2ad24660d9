//! Evidence of small containers, and what comes of it.
