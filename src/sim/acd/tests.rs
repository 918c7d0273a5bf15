//! The simulator's own tests: what the core does is what theory says, no promise is broken in random worlds, bugs put in on
//! purpose are noticed.

use super::*;

mod erlang;
mod promises;
mod scenarios;
mod peers;
