//! The kernel side: loads the programs, reads the maps, pumps the ring. The only room that knows aya.

mod arguments;
mod attach;
mod audit_log;
mod audit_record;
mod btf;
mod classic;
mod clock;
mod decode;
mod detach;
mod error;
pub mod in_flight;
mod layout;
mod live;
mod load;
mod loaded_filters;
pub(crate) mod memory;
mod object;
mod offsets;
mod pins;
mod plan;
mod pod;
mod predecessor;
mod programs;
mod pump;
mod reported;
mod settings;
mod slots;
mod snapshot;

pub use audit_log::AuditLog;
pub use btf::BtfError;
pub use error::KernelError;
pub use live::Kernel;
pub use loaded_filters::loaded_filters;
pub use pins::unload;
pub use pump::{Ring, pump};
pub use settings::{Hooks, Selection, Settings};
