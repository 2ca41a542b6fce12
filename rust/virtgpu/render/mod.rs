// SPDX-License-Identifier: GPL-2.0
//! The render part: the driver's own ioctls. It has no state per device, because this driver
//! supports no renderer.

pub(crate) mod ioctl;
