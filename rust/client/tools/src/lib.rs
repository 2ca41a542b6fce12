// SPDX-License-Identifier: GPL-2.0 OR MIT
//! What `virtgpu-info` and `virtgpu-top` show. Everything is a JSON value first, which is printed as it is or as
//! text.
pub mod cli;
pub mod counters;
pub mod report;
pub mod usage;
