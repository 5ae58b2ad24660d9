//! What Docker tells of its containers. The only room that knows bollard.
