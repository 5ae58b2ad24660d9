//! The kernel side: loads the programs, reads the maps, pumps the ring. The only room that knows aya.
